"""What the API's document says of retrospectives: examples, and the refusals of single operations."""

from __future__ import annotations

from events.api_reference import Entry, part
from tasks.api_reference import QUEUED

AT = "2026-11-22T15:00:00.000000Z"
SPRINT = {"id": 4, "sprint_id": "42", "sprint_name": "Sprint 42", "team_id": "Harbour", "start_date": "2026-11-09",
          "end_date": "2026-11-20", "values": {"team_happiness": 7.5, "story_points_completed": 31}, "source": "hand",
          "fetched_at": AT}
EVIDENCE = {"metric": "review_time", "statement": "Reviews take 8 hours longer since Sprint 40.",
            "statistic": "difference of means 8.0", "p": 0.012}
TRY = {"id": 2, "title": "Limit reviews in progress", "steps": ["Agree on a limit of 3"], "duration_sprints": 2,
       "success_measure": "Review time: at most 10.00 h", "hypothesis": "Reviews are a bottleneck",
       "state": "proposed", "owner": "", "outcome": ""}
REPORT = {
    "id": 9, "headline": "Reviews became a bottleneck", "summary": "Work waits longer for reviews since Sprint 40.",
    "certainty": "Made of 6 sprints.", "team_id": "Harbour", "sprints": [
        {"id": "42", "name": "Sprint 42", "start_date": "2026-11-09", "end_date": "2026-11-20"}],
    "focus_metrics": [], "custom_context": "", "followed": [], "facilitation": {"questions": [], "agenda": []},
    "hypotheses": [{"title": "Reviews are a bottleneck", "description": "They take longer.", "confidence": "High",
                    "confidence_score": 0.82, "evidence": [EVIDENCE], "affected_metrics": ["review_time"],
                    "would_refute": "Review time falls without a change."}],
    "experiments": [TRY], "trends": [], "correlations": [], "created_at": AT,
}  # fmt: skip
EXPERIMENT = {"id": 2, "report": 9, "title": "Limit reviews in progress", "measure": "review_time", "target": 10.0,
              "duration_sprints": 2, "state": "proposed", "owner": "", "outcome": "", "began_at": None}
ENDED = {409: "It has been begun, dropped or judged already."}

REFERENCE = {
    "sync_metrics": Entry({**QUEUED, "job": "metrics.sync", "name": "Sync 5 sprints", "lane": "metrics"},
                          {"sprint_count": 5, "team_id": "Harbour"},
                          errors={409: "Another sync of this team is under way."}),
    "generate_report": Entry({**QUEUED, "job": "reports.generate", "name": "Report over the last 6 sprints",
                              "lane": "reports"}, {"sprint_count": 6, "team_id": "Harbour"}),
    "list_reports": Entry(part({"id": 9, "headline": "Reviews became a bottleneck", "team_id": "Harbour", "sprints": 6,
                                "hypotheses": 1, "created_at": AT}), query={"team_id": "Harbour"}),
    "show_report": Entry(REPORT),
    "compare_reports": Entry({"rows": [{"metric": "Review time", "before": "8.0 h", "after": "16.0 h",
                                        "change": "+8.0 h", "better": False}]}, query={"to": 9}),
    "show_report_as_markdown": Entry({"markdown": "# Reviews became a bottleneck\n"}),
    "list_sprints": Entry(part(SPRINT), query={"team_id": "Harbour"}),
    "enter_sprint": Entry(SPRINT, {"sprint_id": "42", "sprint_name": "Sprint 42", "team_id": "Harbour",
                                   "start_date": "2026-11-09", "end_date": "2026-11-20", "team_happiness": 7.5,
                                   "story_points_completed": 31}),
    "import_sprints": Entry({"created": 1, "updated": 0, "skipped": 0, "errors": [
        {"row": 2, "field": "team_happiness", "message": "12 is out of range: happiness goes from 0 to 10."}]},
        {"content": "sprint_id,start_date,end_date\n42,2026-11-09,2026-11-20\n", "team_id": "Harbour"}),
    "show_sprint": Entry(SPRINT),
    "delete_sprint": Entry(),
    "list_experiments": Entry(part(EXPERIMENT), query={"state": "proposed"}),
    "begin_experiment": Entry({**EXPERIMENT, "state": "running", "owner": "mara", "began_at": AT}, {"owner": "mara"},
                              errors=ENDED),
    "drop_experiment": Entry({**EXPERIMENT, "state": "dropped"}, errors=ENDED),
}
