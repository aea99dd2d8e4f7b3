// SPDX-License-Identifier: ISC

package metrics

import "postloop/master/report"

// ofMaster are the families of the process as a whole.
var ofMaster = []masterFamily{
	{
		Family{"postloop_info", "gauge", "Always 1; the labels say which program this is."},
		func(r *report.Report, add func(string, float64)) {
			add(label("version", r.Master.Version)+","+label("rootless", yesNo(r.Master.Rootless)), 1)
		},
	},
	master("start_time_seconds", "gauge", "When the master has started, since 1970.",
		func(r *report.Report) float64 { return moment(r.Master.Started) }),
	master("stopping", "gauge", "1 while the master is ending.",
		func(r *report.Report) float64 { return oneIf(r.Master.Stopping) }),
	master("services", "gauge", "Services of the configuration in force.",
		func(r *report.Report) float64 { return float64(len(r.Services)) }),
	master("services_leaving", "gauge", "Services that were removed, and have processes or clients left.",
		func(r *report.Report) float64 { return float64(r.Master.Leaving) }),
	master("processes", "gauge", "Processes of all services, removed ones included.",
		func(r *report.Report) float64 { return float64(r.Master.Processes) }),
	{
		Family{"postloop_reloads_total", "counter", "Reloads, by what has become of them."},
		func(r *report.Report, add func(string, float64)) {
			add(label("result", "taken"), float64(r.Master.Reloads))
			add(label("result", "refused"), float64(r.Master.Refused))
		},
	},
	master("last_reload_successful", "gauge", "1 if the last reload was taken, or if there was none yet.",
		func(r *report.Report) float64 { return oneIf(r.Master.Reload == nil || r.Master.Reload.OK) }),
	{
		Family{"postloop_last_reload_timestamp_seconds", "gauge", "When the last reload has ended, since 1970. Missing if there was none yet."},
		func(r *report.Report, add func(string, float64)) {
			if r.Master.Reload != nil {
				add("", moment(r.Master.Reload.Time))
			}
		},
	},
	master("log_lines_lost_total", "counter", "Lines that the log did not take in time.",
		func(r *report.Report) float64 { return float64(r.Master.LogLost) }),
	master("cpu_seconds_total", "counter", "Processor time of the master.",
		func(r *report.Report) float64 { return float64(r.Master.CPU) }),
	master("children_cpu_seconds_total", "counter", "Processor time of processes and commands that have ended.",
		func(r *report.Report) float64 { return float64(r.Master.CPUEnded) }),

	master("loop_turns_total", "counter", "Turns of the event loop.",
		func(r *report.Report) float64 { return float64(r.Loop.Turns) }),
	master("loop_events_total", "counter", "Descriptors that were reported ready.",
		func(r *report.Report) float64 { return float64(r.Loop.Events) }),
	master("loop_longest_turn_seconds", "gauge", "The callbacks of one turn together, the longest so far.",
		func(r *report.Report) float64 { return float64(r.Loop.LongestTurn) }),
	master("loop_longest_callback_seconds", "gauge", "One callback, the longest so far.",
		func(r *report.Report) float64 { return float64(r.Loop.LongestCallback) }),
	master("loop_descriptors", "gauge", "Descriptors that the loop watches.",
		func(r *report.Report) float64 { return float64(r.Loop.Descriptors) }),
	master("loop_connections", "gauge", "Connections on the loop: operators, who asks for this, clients of hosted services that stay connections.",
		func(r *report.Report) float64 { return float64(r.Loop.Connections) }),
	master("loop_timers", "gauge", "Timers that run.",
		func(r *report.Report) float64 { return float64(r.Loop.Timers) }),
	master("loop_children", "gauge", "Child processes of any kind, commands of hosted services included.",
		func(r *report.Report) float64 { return float64(r.Loop.Children) }),
}

// master is a family of one series without labels.
func master(name, typ, help string, value func(*report.Report) float64) masterFamily {
	return masterFamily{
		Family{"postloop_" + name, typ, help},
		func(r *report.Report, add func(string, float64)) { add("", value(r)) },
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
