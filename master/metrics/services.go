// SPDX-License-Identifier: ISC

package metrics

import "postloop/master/report"

// states are all values of the label of postloop_service_state.
var states = []report.State{
	report.Throttled, report.Paused, report.Short, report.Full, report.Busy, report.Idle, report.Listening,
}

// ofServices are the families that have a series for each service.
var ofServices = []serviceFamily{
	{
		Family{"postloop_service_state", "gauge", "1 for the state that the service is in, 0 for the others."},
		func(s *report.Service, add func(string, string, float64)) {
			for _, state := range states {
				add("", label("state", string(state)), oneIf(s.State == state))
			}
		},
	},
	service("paused", "gauge", "1 while an operator has it paused.",
		func(s *report.Service) float64 { return oneIf(s.Paused) }),
	service("processes", "gauge", "Processes of the service.",
		func(s *report.Service) float64 { return float64(s.Processes) }),
	service("idle", "gauge", "Processes that wait for a client.",
		func(s *report.Service) float64 { return float64(s.Idle) }),
	service("busy", "gauge", "Processes that are not idle, and clients of a hosted service.",
		func(s *report.Service) float64 { return float64(s.Busy) }),
	service("limit", "gauge", "How many may be busy or idle at once; 0: any number.",
		func(s *report.Service) float64 { return float64(s.Limit) }),
	service("starts_total", "counter", "Processes that were started.",
		func(s *report.Service) float64 { return float64(s.Starts) }),
	{
		Family{"postloop_service_exits_total", "counter", "Processes that have ended: with status 0, with another, by a signal."},
		func(s *report.Service, add func(string, string, float64)) {
			add("", label("result", "ok"), float64(s.Exits.OK))
			add("", label("result", "failed"), float64(s.Exits.Failed))
			add("", label("result", "signal"), float64(s.Exits.Signal))
		},
	},
	{
		Family{"postloop_service_ready_seconds", "summary", "How long clients waited that came when no process was idle, or that were in the queue."},
		func(s *report.Service, add func(string, string, float64)) {
			add("_sum", "", float64(s.Ready.Sum))
			add("_count", "", float64(s.Ready.Count))
		},
	},
	service("ready_last_seconds", "gauge", "How long the last of these clients waited.",
		func(s *report.Service) float64 { return float64(s.Ready.Last) }),
	service("ready_max_seconds", "gauge", "The longest such wait so far.",
		func(s *report.Service) float64 { return float64(s.Ready.Max) }),
	service("throttles_total", "counter", "How often the starting of processes was stopped for a while.",
		func(s *report.Service) float64 { return float64(s.Throttles) }),
	{
		Family{"postloop_service_throttle_left_seconds", "gauge", "How long no process will be started; 0: the service is not throttled."},
		func(s *report.Service, add func(string, string, float64)) {
			if s.Throttle == nil {
				add("", "", 0)
				return
			}
			add("", "", float64(s.Throttle.Left))
		},
	},
	{
		Family{"postloop_service_last_error_timestamp_seconds", "gauge", "When something went wrong with the service last, since 1970. Missing if nothing ever did."},
		func(s *report.Service, add func(string, string, float64)) {
			if s.Error != nil {
				add("", "", moment(s.Error.Time))
			}
		},
	},
	hosted("clients", "gauge", "Clients of a hosted service that are being served.",
		func(c *report.Clients) float64 { return float64(c.Now) }),
	hosted("clients_total", "counter", "Clients of a hosted service that have come, refused ones included.",
		func(c *report.Clients) float64 { return float64(c.Total) }),
	hosted("clients_refused_total", "counter", "Clients of a hosted service that were sent away.",
		func(c *report.Clients) float64 { return float64(c.Refusals) }),
	hosted("clients_queued", "gauge", "Clients of a hosted service that wait for their turn.",
		func(c *report.Clients) float64 { return float64(c.Queued) }),
	hosted("queue_age_seconds", "gauge", "How long the first of those has been waiting.",
		func(c *report.Clients) float64 { return float64(c.QueueAge) }),
}

// service is a family of one series for each service.
func service(name, typ, help string, value func(*report.Service) float64) serviceFamily {
	return serviceFamily{
		Family{"postloop_service_" + name, typ, help},
		func(s *report.Service, add func(string, string, float64)) { add("", "", value(s)) },
	}
}

// hosted is one of those that master serves itself.
func hosted(name, typ, help string, value func(*report.Clients) float64) serviceFamily {
	return serviceFamily{
		Family{"postloop_service_" + name, typ, help},
		func(s *report.Service, add func(string, string, float64)) {
			if s.Clients != nil {
				add("", "", value(s.Clients))
			}
		},
	}
}
