// SPDX-License-Identifier: ISC

package cfg

// commonParams are the parameters that master acts upon, and those that every
// Postfix program reads when it starts. A bad value of any of them keeps the
// daemons from starting, so the master refuses it, too.
//
// Defaults are those of Postfix 3.12 as it comes from its authors. What only
// the program knows (host name, directories, versions) it sets itself; see
// Main.SetDefault.
var commonParams = map[string]param{
	"address_verify_negative_cache":          {kind: boolKind, def: "yes"},
	"address_verify_service_name":            {def: "verify", min: 1},
	"application_event_drain_time":           {kind: timeKind, def: "100s", min: 1},
	"backwards_bounce_logfile_compatibility": {kind: boolKind, def: "yes"},
	"berkeley_db_create_buffer_size":         {kind: numberKind, def: "16777216", min: 1},
	"berkeley_db_read_buffer_size":           {kind: numberKind, def: "131072", min: 1},
	"bounce_service_name":                    {def: "bounce", min: 1},
	"cleanup_service_name":                   {def: "cleanup", min: 1},
	"command_directory":                      {def: "/usr/sbin", min: 1},
	"compatibility_level":                    {def: "0"},
	"config_directory":                       {def: "/etc/postfix"},
	"daemon_directory":                       {def: "/usr/libexec/postfix", min: 1},
	"daemon_table_open_error_is_fatal":       {kind: boolKind, def: "no"},
	"daemon_timeout":                         {kind: timeKind, def: "18000s", min: 1},
	"data_directory":                         {def: "/var/lib/postfix", min: 1},
	"debug_peer_level":                       {kind: numberKind, def: "2", min: 1},
	"debugger_command":                       {},
	"default_cache_db_type":                  {def: "btree", min: 1, since312: true},
	"default_database_type":                  {def: "hash", min: 1},
	"default_privs":                          {def: "nobody", min: 1},
	"default_process_limit":                  {kind: numberKind, def: "100", min: 1},
	"default_verp_delimiters":                {def: "+=", min: 2, max: 2},
	"defer_service_name":                     {def: "defer", min: 1},
	"delay_logging_resolution_limit":         {kind: numberKind, def: "2", max: 6},
	"deliver_lock_attempts":                  {kind: numberKind, def: "20", min: 1},
	"deliver_lock_delay":                     {kind: timeKind, def: "1s", min: 1},
	"disable_dns_lookups":                    {kind: boolKind, def: "no"},
	"disable_mime_input_processing":          {kind: boolKind, def: "no"},
	"disable_mime_output_conversion":         {kind: boolKind, def: "no"},
	"dns_ncache_ttl_fix_enable":              {kind: boolKind, def: "no"},
	"dont_remove":                            {kind: numberKind, def: "0"},
	"double_bounce_sender":                   {def: "double-bounce", min: 1},
	"enable_idna2003_compatibility":          {kind: boolKind, def: "no"},
	"enable_long_queue_ids":                  {kind: boolKind, def: "no"},
	"enable_original_recipient":              {kind: boolKind, def: "yes"},
	"error_service_name":                     {def: "error", min: 1},
	"fault_injection_code":                   {kind: numberKind, def: "0"},
	"flush_service_name":                     {def: "flush", min: 1},
	"fork_attempts":                          {kind: numberKind, def: "5", min: 1},
	"fork_delay":                             {kind: timeKind, def: "1s", min: 1},
	"hash_queue_depth":                       {kind: numberKind, def: "1", min: 1},
	"hash_queue_names":                       {def: "deferred, defer", min: 1},
	"header_address_token_limit":             {kind: numberKind, def: "10240", min: 1},
	"header_size_limit":                      {kind: numberKind, def: "102400", min: 1},
	"helpful_warnings":                       {kind: boolKind, def: "yes"},
	"import_environment":                     {def: "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME XDG_RUNTIME_DIR", was: "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ XAUTHORITY DISPLAY LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"},
	"in_flow_delay":                          {kind: timeKind, def: "1s", max: 10},
	"inet_interfaces":                        {def: "all"},
	"inet_protocols":                         {def: "all"},
	"info_log_address_format":                {def: "external", min: 1},
	"ipc_idle":                               {kind: timeKind, def: "5s", min: 1},
	"ipc_timeout":                            {kind: timeKind, def: "3600s", min: 1},
	"ipc_ttl":                                {kind: timeKind, def: "1000s", min: 1},
	"known_tcp_ports":                        {def: "lmtp=24, smtp=25, smtps=submissions=465, submission=587"},
	"line_length_limit":                      {kind: numberKind, def: "2048", min: 512},
	"lmdb_map_size":                          {kind: longKind, def: "16777216", min: 1},
	"mail_name":                              {def: "Postfix", min: 1},
	"mail_owner":                             {def: "postfix", min: 1},
	"mail_release_date":                      {def: "20260821", min: 1},
	"mail_version":                           {def: "3.12-20260821", min: 1},
	"maillog_file":                           {},
	"maillog_file_permissions":               {def: "0600", min: 1, since312: true},
	"maillog_file_prefixes":                  {def: "/var, /dev/stdout", min: 1},
	"master_service_disable":                 {},
	"max_idle":                               {kind: timeKind, def: "100s", min: 1},
	"max_use":                                {kind: numberKind, def: "100", min: 1},
	"message_size_limit":                     {kind: longKind, def: "10240000"},
	"meta_directory":                         {def: "/etc/postfix", min: 1},
	"mime_boundary_length_limit":             {kind: numberKind, def: "2048", min: 1},
	"mime_nesting_limit":                     {kind: numberKind, def: "100", min: 1},
	"multi_instance_enable":                  {kind: boolKind, def: "no"},
	"multi_instance_name":                    {},
	"mydestination":                          {def: "$myhostname, localhost.$mydomain, localhost"},
	"mydomain":                               {min: 1},
	"myhostname":                             {def: "localhost", min: 1},
	"mynetworks":                             {},
	"mynetworks_style":                       {def: "${{$compatibility_level} <level {2} ? {subnet} : {host}}", min: 1},
	"myorigin":                               {def: "$myhostname", min: 1},
	"non_bdb_migration_level":                {def: "disable", min: 1, since312: true},
	"non_bdb_migration_log_redirect":         {kind: boolKind, def: "yes", since312: true},
	"owner_request_special":                  {kind: boolKind, def: "yes"},
	"pickup_service_name":                    {def: "pickup", min: 1},
	"postlog_service_name":                   {def: "postlog", min: 1},
	"process_id":                             {},
	"process_id_directory":                   {def: "pid", min: 1},
	"process_name":                           {},
	"proxy_interfaces":                       {},
	"proxymap_service_name":                  {def: "proxymap", min: 1},
	"proxywrite_service_name":                {def: "proxywrite", min: 1},
	"queue_directory":                        {def: "/var/spool/postfix", min: 1},
	"queue_service_name":                     {def: "qmgr", min: 1},
	"relayhost":                              {},
	"requiretls_enable":                      {kind: boolKind, def: "yes", since312: true},
	"respectful_logging":                     {kind: boolKind, def: "${{$compatibility_level} <level {3.6} ? {no} : {yes}}"},
	"rewrite_service_name":                   {def: "rewrite", min: 1},
	"send_cyrus_sasl_authzid":                {kind: boolKind, def: "no"},
	"service_name":                           {},
	"service_throttle_time":                  {kind: timeKind, def: "60s", min: 1},
	"setgid_group":                           {def: "postdrop", min: 1},
	"shlib_directory":                        {def: "/usr/lib/postfix", min: 1},
	"showq_service_name":                     {def: "showq", min: 1},
	"smtputf8_autodetect_classes":            {def: "sendmail, verify", min: 1},
	"smtputf8_enable":                        {kind: boolKind, def: "${{$compatibility_level} <level {1} ? {no} : {yes}}"},
	"socketmap_max_query_size":               {kind: numberKind, def: "10000", min: 1, since312: true},
	"socketmap_max_reply_size":               {kind: numberKind, def: "100000", min: 1, since312: true},
	"soft_bounce":                            {kind: boolKind, def: "no"},
	"stale_lock_time":                        {kind: timeKind, def: "500s", min: 1},
	"stress":                                 {},
	"strict_7bit_headers":                    {kind: boolKind, def: "no"},
	"strict_8bitmime":                        {kind: boolKind, def: "no"},
	"strict_8bitmime_body":                   {kind: boolKind, def: "no"},
	"strict_mime_encoding_domain":            {kind: boolKind, def: "no"},
	"strict_smtputf8":                        {kind: boolKind, def: "no"},
	"syslog_facility":                        {def: "mail", min: 1},
	"syslog_name":                            {def: "${multi_instance_name?{$multi_instance_name}:{postfix}}", min: 1},
	"tcp_windowsize":                         {kind: numberKind, def: "0"},
	"tls_required_enable":                    {kind: boolKind, def: "yes", since312: true},
	"trace_service_name":                     {def: "trace", min: 1},
	"trigger_timeout":                        {kind: timeKind, def: "10s", min: 1},
	"verp_delimiter_filter":                  {def: "-=+", min: 1},
}

// ourParams are not Postfix's: its programs ignore them.
var ourParams = map[string]param{
	// Run without privileges: no change of user, no chroot; services that ask
	// for either are refused.
	"rootless": {kind: boolKind, def: "no"},
	// Daemons, by their names in master.cf, that the master does the work of
	// instead of starting them.
	"builtin_services": {def: "spawn"},
	// How long a service that keeps failing stays throttled at most. The first
	// time it is service_throttle_time, then twice that, and so on. "off" has
	// every time be the first, as in Postfix.
	"service_throttle_time_limit": {kind: offKind, def: "15m", min: 1},
	// How long processes that were told to stop may take before they are
	// killed. Milliseconds (ms) are understood.
	"service_stop_time_limit": {kind: fineKind, def: "10s"},
	// Whom a service that the master does the work of serves, and how many of
	// them from one source; see Hosted.
	"hosted_client_allow":              {},
	"hosted_client_deny":               {},
	"hosted_client_limit":              {kind: numberKind, def: "0"},
	"hosted_client_rate":               {},
	"hosted_client_ipv4_prefix_length": {kind: numberKind, def: "32", max: 32},
	"hosted_client_ipv6_prefix_length": {kind: numberKind, def: "64", max: 128},
	"hosted_queue_limit":               {},
	"hosted_queue_time":                {kind: timeKind, def: "100s", min: 1},
	"hosted_refuse":                    {def: "close", min: 1},
	// Where operators reach the master: a unix-domain socket, relative to the queue
	// directory; empty: nowhere.
	"control_socket": {def: "control"},
	// Where the status page and the metrics are: a loopback address with a port,
	// or unix: and a socket, relative to the queue directory; empty: nowhere.
	"metrics_listen": {},
	// A watchdog of the machine, which resets it when the master's loop stands
	// still: its device, empty for none, and after how long.
	"hardware_watchdog_device": {},
	"hardware_watchdog_time":   {kind: timeKind, def: "60s", min: 1, max: 24 * 3600},
	// Processes whose parents have ended become the master's, and end with it.
	"subreaper": {kind: boolKind, def: "no"},
	// What becomes of the endpoint: "connection", a command for each client;
	// "wait" and "listen-fds", one program that accepts by itself.
	"spawn_protocol": {def: "connection", min: 1},
	// Where the log goes: file (maillog_file, without postlogd), journal, stderr,
	// stdout or syslog; empty for Postfix's rules (maillog_file, else syslog).
	"log_to": {},
	// What commands of spawn are told about their client, in whose words:
	// tcpserver, xinetd, systemd.
	"spawn_client_environment": {},
	// What commands of spawn are denied: how nice they have to be; limits of
	// setrlimit(2) as name=soft:hard; what set-uid programs give; all
	// capabilities but those listed ("none": without exception).
	"spawn_nice":         {},
	"spawn_rlimits":      {},
	"spawn_no_new_privs": {kind: boolKind, def: "no"},
	"spawn_capabilities": {},
	// How the log looks: text or json.
	"log_format": {def: "text", min: 1},
}
