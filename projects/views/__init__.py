"""The pages of projects, a file for each thing that people do. Views speak HTTP; `projects.actions` does the work."""
