"""The report builder: any data set, narrowed, grouped, measured, drawn, kept, sent and exported. An app of its own."""
