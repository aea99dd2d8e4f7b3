// SPDX-License-Identifier: ISC

package cfg

// commonParams are the parameters that master acts upon, and those that every
// Postfix program reads when it starts. A bad value of any of them keeps the
// daemons from starting, so the master refuses it, too.
//
// Defaults are those of Postfix 3.12 as it comes from its authors. What only
// the program knows (host name, directories, versions) it sets itself; see
// Main.SetDefault.
var commonParams = []param{
	{name: "address_verify_negative_cache", kind: boolKind, def: "yes"},
	{name: "address_verify_service_name", def: "verify", min: 1},
	{name: "application_event_drain_time", kind: timeKind, def: "100s", min: 1},
	{name: "backwards_bounce_logfile_compatibility", kind: boolKind, def: "yes"},
	{name: "berkeley_db_create_buffer_size", kind: numberKind, def: "16777216", min: 1},
	{name: "berkeley_db_read_buffer_size", kind: numberKind, def: "131072", min: 1},
	{name: "bounce_service_name", def: "bounce", min: 1},
	{name: "cleanup_service_name", def: "cleanup", min: 1},
	{name: "command_directory", def: "/usr/sbin", min: 1},
	{name: "compatibility_level", def: "0"},
	{name: "config_directory", def: "/etc/postfix"},
	{name: "daemon_directory", def: "/usr/libexec/postfix", min: 1},
	{name: "daemon_table_open_error_is_fatal", kind: boolKind, def: "no"},
	{name: "daemon_timeout", kind: timeKind, def: "18000s", min: 1},
	{name: "data_directory", def: "/var/lib/postfix", min: 1},
	{name: "debug_peer_level", kind: numberKind, def: "2", min: 1},
	{name: "debugger_command"},
	{name: "default_cache_db_type", def: "btree", min: 1, since312: true},
	{name: "default_database_type", def: "hash", min: 1},
	{name: "default_privs", def: "nobody", min: 1},
	{name: "default_process_limit", kind: numberKind, def: "100", min: 1},
	{name: "default_verp_delimiters", def: "+=", min: 2, max: 2},
	{name: "defer_service_name", def: "defer", min: 1},
	{name: "delay_logging_resolution_limit", kind: numberKind, def: "2", max: 6},
	{name: "deliver_lock_attempts", kind: numberKind, def: "20", min: 1},
	{name: "deliver_lock_delay", kind: timeKind, def: "1s", min: 1},
	{name: "disable_dns_lookups", kind: boolKind, def: "no"},
	{name: "disable_mime_input_processing", kind: boolKind, def: "no"},
	{name: "disable_mime_output_conversion", kind: boolKind, def: "no"},
	{name: "dns_ncache_ttl_fix_enable", kind: boolKind, def: "no"},
	{name: "dont_remove", kind: numberKind, def: "0"},
	{name: "double_bounce_sender", def: "double-bounce", min: 1},
	{name: "enable_idna2003_compatibility", kind: boolKind, def: "no"},
	{name: "enable_long_queue_ids", kind: boolKind, def: "no"},
	{name: "enable_original_recipient", kind: boolKind, def: "yes"},
	{name: "error_service_name", def: "error", min: 1},
	{name: "fault_injection_code", kind: numberKind, def: "0"},
	{name: "flush_service_name", def: "flush", min: 1},
	{name: "fork_attempts", kind: numberKind, def: "5", min: 1},
	{name: "fork_delay", kind: timeKind, def: "1s", min: 1},
	{name: "hash_queue_depth", kind: numberKind, def: "1", min: 1},
	{name: "hash_queue_names", def: "deferred, defer", min: 1},
	{name: "header_address_token_limit", kind: numberKind, def: "10240", min: 1},
	{name: "header_size_limit", kind: numberKind, def: "102400", min: 1},
	{name: "helpful_warnings", kind: boolKind, def: "yes"},
	{name: "import_environment", def: "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME XDG_RUNTIME_DIR", was: "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"},
	{name: "in_flow_delay", kind: timeKind, def: "1s", max: 10},
	{name: "inet_interfaces", def: "all"},
	{name: "inet_protocols", def: "all"},
	{name: "info_log_address_format", def: "external", min: 1},
	{name: "ipc_idle", kind: timeKind, def: "5s", min: 1},
	{name: "ipc_timeout", kind: timeKind, def: "3600s", min: 1},
	{name: "ipc_ttl", kind: timeKind, def: "1000s", min: 1},
	{name: "known_tcp_ports", def: "lmtp=24, smtp=25, smtps=submissions=465, submission=587"},
	{name: "line_length_limit", kind: numberKind, def: "2048", min: 512},
	{name: "lmdb_map_size", kind: longKind, def: "16777216", min: 1},
	{name: "mail_name", def: "Postfix", min: 1},
	{name: "mail_owner", def: "postfix", min: 1},
	{name: "mail_release_date", def: "20260821", min: 1},
	{name: "mail_version", def: "3.12-20260821", min: 1},
	{name: "maillog_file"},
	{name: "maillog_file_permissions", def: "0600", min: 1, since312: true},
	{name: "maillog_file_prefixes", def: "/var, /dev/stdout", min: 1},
	{name: "master_service_disable"},
	{name: "max_idle", kind: timeKind, def: "100s", min: 1},
	{name: "max_use", kind: numberKind, def: "100", min: 1},
	{name: "message_size_limit", kind: longKind, def: "10240000"},
	{name: "meta_directory", def: "/etc/postfix", min: 1},
	{name: "mime_boundary_length_limit", kind: numberKind, def: "2048", min: 1},
	{name: "mime_nesting_limit", kind: numberKind, def: "100", min: 1},
	{name: "multi_instance_enable", kind: boolKind, def: "no"},
	{name: "multi_instance_name"},
	{name: "mydestination", def: "$myhostname, localhost.$mydomain, localhost"},
	{name: "mydomain", min: 1},
	{name: "myhostname", def: "localhost", min: 1},
	{name: "mynetworks"},
	{name: "mynetworks_style", def: "${{$compatibility_level} <level {2} ? {subnet} : {host}}", min: 1},
	{name: "myorigin", def: "$myhostname", min: 1},
	{name: "non_bdb_migration_level", def: "disable", min: 1, since312: true},
	{name: "non_bdb_migration_log_redirect", kind: boolKind, def: "yes", since312: true},
	{name: "owner_request_special", kind: boolKind, def: "yes"},
	{name: "pickup_service_name", def: "pickup", min: 1},
	{name: "postlog_service_name", def: "postlog", min: 1},
	{name: "process_id"},
	{name: "process_id_directory", def: "pid", min: 1},
	{name: "process_name"},
	{name: "proxy_interfaces"},
	{name: "proxymap_service_name", def: "proxymap", min: 1},
	{name: "proxywrite_service_name", def: "proxywrite", min: 1},
	{name: "queue_directory", def: "/var/spool/postfix", min: 1},
	{name: "queue_service_name", def: "qmgr", min: 1},
	{name: "relayhost"},
	{name: "requiretls_enable", kind: boolKind, def: "yes", since312: true},
	{name: "respectful_logging", kind: boolKind, def: "${{$compatibility_level} <level {3.6} ? {no} : {yes}}"},
	{name: "rewrite_service_name", def: "rewrite", min: 1},
	{name: "send_cyrus_sasl_authzid", kind: boolKind, def: "no"},
	{name: "service_name"},
	{name: "service_throttle_time", kind: timeKind, def: "60s", min: 1},
	{name: "setgid_group", def: "postdrop", min: 1},
	{name: "shlib_directory", def: "/usr/lib/postfix", min: 1},
	{name: "showq_service_name", def: "showq", min: 1},
	{name: "smtputf8_autodetect_classes", def: "sendmail, verify", min: 1},
	{name: "smtputf8_enable", kind: boolKind, def: "${{$compatibility_level} <level {1} ? {no} : {yes}}"},
	{name: "socketmap_max_query_size", kind: numberKind, def: "10000", min: 1, since312: true},
	{name: "socketmap_max_reply_size", kind: numberKind, def: "100000", min: 1, since312: true},
	{name: "soft_bounce", kind: boolKind, def: "no"},
	{name: "stale_lock_time", kind: timeKind, def: "500s", min: 1},
	{name: "stress"},
	{name: "strict_7bit_headers", kind: boolKind, def: "no"},
	{name: "strict_8bitmime", kind: boolKind, def: "no"},
	{name: "strict_8bitmime_body", kind: boolKind, def: "no"},
	{name: "strict_mime_encoding_domain", kind: boolKind, def: "no"},
	{name: "strict_smtputf8", kind: boolKind, def: "no"},
	{name: "syslog_facility", def: "mail", min: 1},
	{name: "syslog_name", def: "${multi_instance_name?{$multi_instance_name}:{postfix}}", min: 1},
	{name: "tcp_windowsize", kind: numberKind, def: "0"},
	{name: "tls_required_enable", kind: boolKind, def: "yes", since312: true},
	{name: "trace_service_name", def: "trace", min: 1},
	{name: "trigger_timeout", kind: timeKind, def: "10s", min: 1},
	{name: "verp_delimiter_filter", def: "-=+", min: 1},
}

// ourParams are not Postfix's: its programs ignore them.
var ourParams = []param{
	// Run without privileges: no change of user, no chroot; services that ask
	// for either are refused.
	{name: "rootless", kind: boolKind, def: "no"},
	// Daemons, by their names in master.cf, that the master does the work of
	// instead of starting them.
	{name: "builtin_services", def: "spawn"},
	// How long a service that keeps failing stays throttled at most. The first
	// time it is service_throttle_time, then twice that, and so on. "off" has
	// every time be the first, as in Postfix.
	{name: "service_throttle_time_limit", kind: offKind, def: "15m", min: 1},
	// How long processes that were told to stop may take before they are
	// killed. Milliseconds (ms) are understood.
	{name: "service_stop_time_limit", kind: fineKind, def: "10s"},
	// Whom a service that the master does the work of serves, and how many of
	// them from one source; see Hosted.
	{name: "hosted_client_allow"},
	{name: "hosted_client_deny"},
	{name: "hosted_client_limit", kind: numberKind, def: "0"},
	{name: "hosted_client_rate"},
	{name: "hosted_client_ipv4_prefix_length", kind: numberKind, def: "32", max: 32},
	{name: "hosted_client_ipv6_prefix_length", kind: numberKind, def: "64", max: 128},
	{name: "hosted_queue_limit"},
	{name: "hosted_queue_time", kind: timeKind, def: "100s", min: 1},
	{name: "hosted_refuse", def: "close", min: 1},
	// Where operators reach the master: a unix-domain socket, relative to the queue
	// directory; empty: nowhere.
	{name: "control_socket", def: "control"},
	// Where the status page and the metrics are: a loopback address with a port,
	// or unix: and a socket, relative to the queue directory; empty: nowhere.
	{name: "metrics_listen"},
	// A watchdog of the machine, which resets it when the master's loop stands
	// still: its device, empty for none, and after how long.
	{name: "hardware_watchdog_device"},
	{name: "hardware_watchdog_time", kind: timeKind, def: "60s", min: 1, max: 24 * 3600},
	// Processes whose parents have ended become the master's, and end with it.
	{name: "subreaper", kind: boolKind, def: "no"},
	// What becomes of the endpoint: "connection", a command for each client;
	// "wait" and "listen-fds", one program that accepts by itself.
	{name: "spawn_protocol", def: "connection", min: 1},
	// Where the log goes: file (maillog_file, without postlogd), journal, stderr,
	// stdout or syslog; empty for Postfix's rules (maillog_file, else syslog).
	{name: "log_to"},
	// What commands of spawn are told about their client, in whose words:
	// tcpserver, xinetd, systemd.
	{name: "spawn_client_environment"},
	// What commands of spawn are denied: how nice they have to be; limits of
	// setrlimit(2) as name=soft:hard; what set-uid programs give; all
	// capabilities but those listed ("none": without exception).
	{name: "spawn_nice"},
	{name: "spawn_rlimits"},
	{name: "spawn_no_new_privs", kind: boolKind, def: "no"},
	{name: "spawn_capabilities"},
	// How the log looks: text or json.
	{name: "log_format", def: "text", min: 1},
}
