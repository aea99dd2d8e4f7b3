// SPDX-License-Identifier: ISC

package cfg

import (
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Params is everything in main.cf that the master itself acts upon, evaluated
// and checked. The comment on a field is the parameter's name.
type Params struct {
	CompatibilityLevel string // compatibility_level
	MailVersion        string // mail_version

	ConfigDirectory string // config_directory
	QueueDirectory  string // queue_directory
	DataDirectory   string // data_directory
	DaemonDirectory string // daemon_directory

	MailOwner    string // mail_owner
	SetgidGroup  string // setgid_group
	DefaultPrivs string // default_privs

	MyHostname      string            // myhostname
	InetInterfaces  string            // inet_interfaces
	ProxyInterfaces string            // proxy_interfaces
	InetProtocols   Protocols         // inet_protocols
	KnownTCPPorts   map[string]uint16 // known_tcp_ports
	TCPWindowSize   int               // tcp_windowsize; 0: the system's

	SyslogFacility         string      // syslog_facility
	SyslogName             string      // syslog_name
	MaillogFile            string      // maillog_file
	MaillogFilePrefixes    []string    // maillog_file_prefixes
	MaillogFilePermissions fs.FileMode // maillog_file_permissions
	PostlogServiceName     string      // postlog_service_name
	LogTo                  string      // log_to
	LogFormat              string      // log_format

	ImportEnvironment []EnvEntry // import_environment
	DebuggerCommand   string     // debugger_command

	ProcessLimit      int           // default_process_limit
	ServiceDisable    string        // master_service_disable
	ThrottleTime      time.Duration // service_throttle_time
	ThrottleTimeLimit time.Duration // service_throttle_time_limit; 0: off
	StopTimeLimit     time.Duration // service_stop_time_limit
	Rootless          bool          // rootless
	BuiltinServices   []string      // builtin_services
	ControlSocket     string        // control_socket; empty: none
	MetricsListen     Endpoint      // metrics_listen
	WatchdogDevice    string        // hardware_watchdog_device; empty: none
	WatchdogTime      time.Duration // hardware_watchdog_time
	Subreaper         bool          // subreaper
	Hosted            Hosted        // hosted_...: of services without a value of their own

	// For the daemons, and for services that the master hosts.
	MaxUse        int           // max_use
	MaxIdle       time.Duration // max_idle
	DaemonTimeout time.Duration // daemon_timeout
	IPCTimeout    time.Duration // ipc_timeout
	DrainTime     time.Duration // application_event_drain_time
	InFlowDelay   time.Duration // in_flow_delay

	// Notes says what was passed over, for the log.
	Notes []Note
}

// IsPostlog reports whether s is the service of the log daemon.
func (p *Params) IsPostlog(s *Service) bool {
	return s.Type == UnixDgram && s.Name == p.PostlogServiceName
}

// Params evaluates and checks what the master acts upon, and everything else
// that keeps Postfix's daemons from starting when it is wrong. The error is
// an Errors with all that was found, in the order of the file's lines.
func (m *Main) Params() (*Params, error) {
	r := evaluation{m: m}
	compatibility := r.level("compatibility_level") // first this: other defaults depend on it
	p := &Params{
		CompatibilityLevel: compatibility,
		MailVersion:        r.text("mail_version"),

		ConfigDirectory: r.text("config_directory"),
		QueueDirectory:  r.text("queue_directory"),
		DataDirectory:   r.text("data_directory"),
		DaemonDirectory: r.text("daemon_directory"),

		MailOwner:    r.text("mail_owner"),
		SetgidGroup:  r.text("setgid_group"),
		DefaultPrivs: r.text("default_privs"),

		MyHostname:      r.text("myhostname"),
		InetInterfaces:  r.text("inet_interfaces"),
		ProxyInterfaces: r.text("proxy_interfaces"),
		InetProtocols:   r.protocols("inet_protocols"),
		KnownTCPPorts:   r.ports("known_tcp_ports"),
		TCPWindowSize:   r.int("tcp_windowsize"),

		SyslogFacility:         r.oneOf("syslog_facility", facilities),
		SyslogName:             r.text("syslog_name"),
		MaillogFile:            r.text("maillog_file"),
		MaillogFilePrefixes:    r.list("maillog_file_prefixes"),
		MaillogFilePermissions: r.permissions("maillog_file_permissions"),
		PostlogServiceName:     r.text("postlog_service_name"),
		LogTo:                  r.oneOf("log_to", logPlaces),
		LogFormat:              r.oneOf("log_format", []string{"text", "json"}),

		ImportEnvironment: r.environment("import_environment"),
		DebuggerCommand:   r.text("debugger_command"),

		ProcessLimit:      r.int("default_process_limit"),
		ServiceDisable:    r.text("master_service_disable"),
		ThrottleTime:      r.time("service_throttle_time"),
		ThrottleTimeLimit: r.time("service_throttle_time_limit"),
		StopTimeLimit:     r.time("service_stop_time_limit"),
		Rootless:          r.bool("rootless"),
		BuiltinServices:   r.list("builtin_services"),
		ControlSocket:     r.text("control_socket"),
		MetricsListen:     parsed(&r, "metrics_listen", parseEndpoint),
		WatchdogDevice:    r.text("hardware_watchdog_device"),
		WatchdogTime:      r.time("hardware_watchdog_time"),
		Subreaper:         r.bool("subreaper"),
		Hosted:            r.hosted(),

		MaxUse:        r.int("max_use"),
		MaxIdle:       r.time("max_idle"),
		DaemonTimeout: r.time("daemon_timeout"),
		IPCTimeout:    r.time("ipc_timeout"),
		DrainTime:     r.time("application_event_drain_time"),
		InFlowDelay:   r.time("in_flow_delay"),
	}
	r.rest()
	r.together(p)
	p.Notes = r.notes
	if r.errs == nil {
		return p, nil
	}
	return p, r.sorted()
}

// rest evaluates what all programs check and the master has no use for.
func (r *evaluation) rest() {
	for i := range commonParams {
		p := &commonParams[i]
		if _, evaluated := r.done[p.name]; evaluated {
			continue
		}
		switch p.kind {
		case textKind:
			r.text(p.name)
		case numberKind, longKind:
			r.int(p.name)
		case boolKind:
			r.bool(p.name)
		case timeKind, offKind, fineKind:
			r.time(p.name)
		}
	}
}

// together checks what depends on more than one parameter, or on the form of
// a text.
func (r *evaluation) together(p *Params) {
	if r.good("myhostname") && !validHost(p.MyHostname) {
		r.errorf("myhostname", "parameter myhostname: bad parameter value: %s", p.MyHostname)
	}
	if r.good("mydomain") && r.good("myhostname") && !validHost(r.text("mydomain")) {
		r.errorf("mydomain", "parameter mydomain: bad parameter value: %s", r.text("mydomain"))
	}
	if r.good("relayhost") && r.good("myhostname") && strings.EqualFold(r.text("relayhost"), p.MyHostname) {
		r.errorf("relayhost", "myhostname and relayhost parameter settings must not be identical: %s", p.MyHostname)
	}
	if origin := r.text("myorigin"); r.good("myorigin") && r.good("myhostname") && strings.ContainsAny(origin, ", \t\r\n") {
		r.errorf("myorigin", "myorigin parameter setting must not contain multiple values: %s", origin)
	}
	if p.MaillogFile != "" && r.good("maillog_file") && r.good("maillog_file_prefixes") &&
		!slices.ContainsFunc(p.MaillogFilePrefixes, func(prefix string) bool { return strings.HasPrefix(p.MaillogFile, prefix) }) {
		r.errorf("maillog_file", "maillog_file value '%s' does not match any prefix in maillog_file_prefixes", p.MaillogFile)
	}
	r.log(p)
}

// logPlaces are what log_to understands.
var logPlaces = []string{"", "file", "journal", "stderr", "stdout", "syslog"}

// log checks what the places of the log have to do with each other.
func (r *evaluation) log(p *Params) {
	if !r.good("log_to") {
		return
	}
	if p.LogFormat == "json" && !slices.Contains([]string{"file", "stderr", "stdout"}, p.LogTo) {
		r.errorf("log_format", "parameter log_format: json is for files, standard output and standard error; specify log_to = file, stdout or stderr as well")
	}
	if p.LogTo != "file" || !r.good("maillog_file") {
		return
	}
	switch p.MaillogFile {
	case "":
		r.errorf("log_to", "parameter log_to: file: there is no maillog_file; specify the name of the file there")
	case "/dev/stdout", "/dev/stderr":
		place := strings.TrimPrefix(p.MaillogFile, "/dev/")
		r.errorf("log_to", "parameter log_to: file: %s is none; specify log_to = %s", p.MaillogFile, place)
	}
}

// facilities are the names that syslog_facility understands.
var facilities = []string{
	"auth", "authpriv", "cron", "daemon", "ftp", "kern", "lpr", "mail", "news", "syslog", "user", "uucp",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}
