#!/usr/bin/env python3
"""Writes incipit.json, the dashboard, from the panels below.  python3 deploy/grafana/make_dashboard.py

`--check` fails if the file is not what this script writes.
"""
import json
import sys
from pathlib import Path

FILE = Path(__file__).with_name("incipit.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
JOB = '{job="$job"}'
WIDTH, HEIGHT = 8, 7  # of a panel, in a grid of 24 columns

# {section: [(title, unit, [(query, legend)], description)]}. Units are Grafana's names.
SECTIONS = {
    "Training": [
        ("Loss", "none", [(f"incipit_loss{JOB}", "loss")], "Training loss of the last step, nats."),
        ("Learning rate", "sci", [(f"incipit_learning_rate{JOB}", "learning rate")],
         "Learning rate of the last step."),
        ("Gradient norm", "none", [(f"incipit_grad_norm{JOB}", "norm before clipping")],
         "A rising norm before a rise of the loss asks for a lower rate or clipping."),
        ("Scores", "percentunit",
         [(f"incipit_eval_score_ratio{JOB} > 0", "{{task}} {{split}} {{metric}}")],
         "The last evaluation of each split."),
        ("Steps", "none", [(f"incipit_steps_total{JOB}", "done"),
                           (f"incipit_target_steps{JOB}", "to do in all")],
         "Of this process: both count from 0 after a resume."),
        ("Run", "none",
         [(f"incipit_run_info{JOB}", "{{run}}: {{task}}, {{method}}"),
          (f"count by (version, libtorch) (incipit_build_info{JOB})",
           "incipit {{version}}, libtorch {{libtorch}}")],
         "Names and builds; the second line counts ranks."),
    ],
    "Throughput and limits": [
        ("Steps per second", "none", [(f"job:incipit_steps:rate5m{JOB}", "steps/s")],
         "Over five minutes; zero during evaluations."),
        ("Tokens per second", "none", [(f"job:incipit_tokens:rate5m{JOB}", "rows/s"),
                                       (f"job:incipit_samples:rate5m{JOB}", "examples/s")],
         "Rows computed and examples seen by all ranks."),
        ("Step duration", "s",
         [(f"histogram_quantile(0.5, sum by (le) (rate(incipit_step_duration_seconds_bucket{JOB}[5m])))",
           "median"),
          (f"histogram_quantile(0.99, sum by (le) (rate(incipit_step_duration_seconds_bucket{JOB}[5m])))",
           "99 %"),
          (f"job:incipit_step_duration_seconds:mean5m{JOB}", "mean")],
         "Resolved to the buckets of the histogram."),
        ("Model FLOPs utilization", "percentunit",
         [(f"incipit_model_flops_utilization_ratio{JOB}", "rank {{rank}}")],
         "Operations that the step needs over the peak of the rank."),
        ("Memory", "bytes", [(f"incipit_device_memory_bytes{JOB}", "rank {{rank}}")],
         "Resident set of the process, or the GPU memory that libtorch allocated."),
        ("Peak memory", "bytes", [(f"incipit_device_memory_peak_bytes{JOB}", "rank {{rank}}")],
         "Since the process started."),
    ],
    "Communication": [
        ("Share of steps in collectives", "percentunit",
         [(f"rate(incipit_comm_seconds_total{JOB}[5m]) / "
           f"(rate(incipit_step_duration_seconds_sum{JOB}[5m]) > 0)", "rank {{rank}}")],
         "Includes waiting: the rank with the smallest share is the one that others wait for."),
        ("Share of steps computing", "percentunit",
         [(f"rank:incipit_busy:ratio_rate5m{JOB}", "rank {{rank}}")],
         "IncipitStraggler compares the largest with the median."),
        ("Ranks", "none", [(f"max(incipit_ranks_expected{JOB})", "expected"),
                           (f"count(incipit_build_info{JOB})", "scraped")],
         "They differ while a rank is lost, or its port is not reached."),
    ],
    "Data": [
        ("Share of steps waiting for data", "percentunit",
         [(f"rate(incipit_data_wait_seconds_total{JOB}[5m]) / "
           f"(rate(incipit_step_duration_seconds_sum{JOB}[5m]) > 0)", "rank {{rank}}")],
         "Batches are prepared ahead; above a few percent the storage or the processor is too slow."),
        ("Skipped records", "none",
         [(f"incipit_input_records_skipped_total{JOB}", "skipped")],
         "Bad records of input files that task.on_bad_record allowed to skip."),
        ("Longest wait of a rank", "percentunit", [(f"job:incipit_data_wait:ratio_rate5m{JOB}", "share")],
         "The largest share over the ranks."),
    ],
    "Faults": [
        ("Seconds since progress", "s",
         [(f"time() - incipit_last_progress_timestamp_seconds{JOB}", "rank {{rank}}"),
          (f"time() - (incipit_last_step_timestamp_seconds{JOB} > 0)", "rank {{rank}}, step")],
         "IncipitStalled fires after ten minutes without a step, evaluation or checkpoint."),
        ("Checkpoints", "none",
         [(f"incipit_steps_since_checkpoint{JOB}", "steps since the last"),
          (f"incipit_checkpoint_interval_steps{JOB}", "interval"),
          (f"incipit_checkpoint_failures_total{JOB}", "failures")],
         "A crash loses the steps since the last checkpoint."),
        ("Checkpoint duration", "s",
         [(f"rate(incipit_checkpoint_duration_seconds_sum{JOB}[1h]) / "
           f"(rate(incipit_checkpoint_duration_seconds_count{JOB}[1h]) > 0)", "mean of an hour")],
         "The training waits while a checkpoint is written."),
        ("Age of the last checkpoint", "s",
         [(f"time() - (incipit_last_checkpoint_timestamp_seconds{JOB} > 0)", "age")],
         "No line before the first checkpoint."),
        ("Steps that were not finite", "none",
         [(f"incipit_nonfinite_steps_total{JOB}", "skipped steps")],
         "They were skipped; too many in a row end the run with exit code 5."),
        ("Restarts and success", "none",
         [(f"incipit_restarts{JOB}", "restarts"),
          (f"incipit_last_success_timestamp_seconds{JOB} > bool 0", "finished"),
          (f"incipit_metrics_push_failures_total{JOB}", "failed pushes")],
         "Restarts by the supervisor and the scheduler."),
    ],
}


def panel(number, title, unit, queries, description, x, y):
    targets = [{"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": query,
                "legendFormat": legend, "range": True}
               for i, (query, legend) in enumerate(queries)]
    return {"id": number, "type": "timeseries", "title": title, "description": description,
            "datasource": SOURCE, "gridPos": {"x": x, "y": y, "w": WIDTH, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": unit, "custom": {"lineWidth": 1, "fillOpacity": 0,
                                                                 "showPoints": "never"}},
                            "overrides": []},
            "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                        "tooltip": {"mode": "multi", "sort": "none"}},
            "targets": targets}


def panels():
    made, number, y = [], 1, 0
    for section, members in SECTIONS.items():
        made.append({"id": number, "type": "row", "title": section, "collapsed": False,
                     "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}, "panels": []})
        number, y = number + 1, y + 1
        for index, member in enumerate(members):
            column = index % (24 // WIDTH)
            made.append(panel(number, *member, x=column * WIDTH, y=y))
            number += 1
            if column == 24 // WIDTH - 1 or index == len(members) - 1:
                y += HEIGHT
    return made


def dashboard():
    return {
        "uid": "incipit", "title": "Incipit", "tags": ["incipit"], "schemaVersion": 39, "version": 1,
        "editable": True, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Data source", "type": "datasource",
             "query": "prometheus"},
            {"name": "job", "label": "Run", "type": "query", "datasource": SOURCE, "refresh": 2,
             "sort": 1, "definition": "label_values(incipit_build_info, job)",
             "query": {"qryType": 1, "query": "label_values(incipit_build_info, job)",
                       "refId": "job"}}]},
        "annotations": {"list": [
            {"name": "Alerts", "enable": True, "iconColor": "red", "datasource": SOURCE,
             "expr": 'ALERTS{alertname=~"Incipit.*", alertstate="firing", job="$job"}',
             "titleFormat": "{{alertname}}"}]},
        "panels": panels()}


def main():
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        if FILE.read_text(encoding="utf8") != text:
            sys.exit(f"{FILE}: is not what make_dashboard.py writes; run it again")
        return
    FILE.write_text(text, encoding="utf8")


if __name__ == "__main__":
    main()
