// SPDX-License-Identifier: ISC

package cfg

// laterParams are the parameters of spawn, of proxymap, and of the tables that
// proxymap may open. Whoever uses them evaluates them, and only then is a bad
// value an error.
var laterParams = map[string]param{
	"address_verify_map": {def: "$default_cache_db_type:$data_directory/verify_cache", was: "btree:$data_directory/verify_cache"},
	"address_verify_sender_dependent_default_transport_maps": {def: "$sender_dependent_default_transport_maps"},
	"address_verify_sender_dependent_relayhost_maps":         {def: "$sender_dependent_relayhost_maps"},
	"address_verify_transport_maps":                          {def: "$transport_maps"},
	"alias_maps":                                             {def: "$default_database_type:/etc/aliases", was: "hash:/etc/aliases, nis:mail.aliases"},
	"authorized_flush_users":                                 {def: "static:anyone"},
	"authorized_mailq_users":                                 {def: "static:anyone"},
	"authorized_submit_users":                                {def: "static:anyone"},
	"body_checks":                                            {},
	"canonical_maps":                                         {},
	"command_time_limit":                                     {kind: timeKind, def: "1000s", min: 1},
	"debug_peer_list":                                        {},
	"default_delivery_status_filter":                         {},
	"export_environment":                                     {def: "TZ MAIL_CONFIG LANG"},
	"fallback_transport_maps":                                {},
	"fast_flush_domains":                                     {def: "$relay_domains"},
	"header_checks":                                          {},
	"lmtp_body_checks":                                       {},
	"lmtp_connection_cache_destinations":                     {},
	"lmtp_delivery_status_filter":                            {def: "$default_delivery_status_filter"},
	"lmtp_discard_lhlo_keyword_address_maps":                 {},
	"lmtp_dns_reply_filter":                                  {},
	"lmtp_generic_maps":                                      {},
	"lmtp_header_checks":                                     {},
	"lmtp_mime_header_checks":                                {},
	"lmtp_nested_header_checks":                              {},
	"lmtp_pix_workaround_maps":                               {},
	"lmtp_reply_filter":                                      {},
	"lmtp_sasl_auth_cache_name":                              {},
	"lmtp_sasl_password_maps":                                {},
	"lmtp_tls_loglevel_maps":                                 {since312: true},
	"lmtp_tls_policy_maps":                                   {},
	"local_delivery_status_filter":                           {def: "$default_delivery_status_filter"},
	"local_header_rewrite_clients":                           {def: "permit_inet_interfaces"},
	"local_login_sender_maps":                                {def: "static:*"},
	"local_recipient_maps":                                   {def: "proxy:unix:passwd.byname $alias_maps"},
	"mailbox_command_maps":                                   {},
	"mailbox_transport_maps":                                 {},
	"masquerade_exceptions":                                  {},
	"milter_header_checks":                                   {},
	"mime_header_checks":                                     {def: "$header_checks"},
	"nested_header_checks":                                   {def: "$header_checks"},
	"pipe_delivery_status_filter":                            {def: "$default_delivery_status_filter"},
	"postscreen_access_list":                                 {def: "permit_mynetworks"},
	"postscreen_allowlist_interfaces":                        {def: "${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}"},
	"postscreen_cache_map":                                   {def: "$default_cache_db_type:$data_directory/postscreen_cache", was: "btree:$data_directory/postscreen_cache"},
	"postscreen_command_filter":                              {},
	"postscreen_discard_ehlo_keyword_address_maps":           {def: "$smtpd_discard_ehlo_keyword_address_maps"},
	"postscreen_forbidden_commands":                          {def: "$smtpd_forbidden_commands"},
	"postscreen_reject_footer_maps":                          {def: "$smtpd_reject_footer_maps"},
	"postscreen_tls_loglevel_maps":                           {since312: true},
	"proxy_read_maps":                                        {def: proxyReadMaps, was: proxyReadMaps37},
	"proxy_write_maps":                                       {def: "$smtp_sasl_auth_cache_name $lmtp_sasl_auth_cache_name $address_verify_map $postscreen_cache_map"},
	"qmqpd_authorized_clients":                               {},
	"rbl_reply_maps":                                         {},
	"recipient_bcc_maps":                                     {},
	"recipient_canonical_maps":                               {},
	"relay_domains":                                          {def: "${{$compatibility_level} <level {2} ? {$mydestination} : {}}"},
	"relay_recipient_maps":                                   {},
	"relocated_maps":                                         {},
	"sender_bcc_maps":                                        {},
	"sender_canonical_maps":                                  {},
	"sender_dependent_default_transport_maps":                {},
	"sender_dependent_relayhost_maps":                        {},
	"smtp_body_checks":                                       {},
	"smtp_connection_cache_destinations":                     {},
	"smtp_delivery_status_filter":                            {def: "$default_delivery_status_filter"},
	"smtp_discard_ehlo_keyword_address_maps":                 {},
	"smtp_dns_reply_filter":                                  {},
	"smtp_generic_maps":                                      {},
	"smtp_header_checks":                                     {},
	"smtp_mime_header_checks":                                {},
	"smtp_nested_header_checks":                              {},
	"smtp_pix_workaround_maps":                               {},
	"smtp_reply_filter":                                      {},
	"smtp_requiretls_policy":                                 {def: "inline:{{.$mydomain=opportunistic}, {localhost=opportunistic}}, opportunistic+starttls", since312: true},
	"smtp_sasl_auth_cache_name":                              {},
	"smtp_sasl_mechanism_filter":                             {},
	"smtp_sasl_password_maps":                                {},
	"smtp_tls_loglevel_maps":                                 {since312: true},
	"smtp_tls_policy_maps":                                   {},
	"smtpd_authorized_verp_clients":                          {def: "$authorized_verp_clients"},
	"smtpd_authorized_xclient_hosts":                         {},
	"smtpd_authorized_xforward_hosts":                        {},
	"smtpd_client_event_limit_exceptions":                    {def: "${smtpd_client_connection_limit_exceptions:$mynetworks}"},
	"smtpd_client_restrictions":                              {},
	"smtpd_command_filter":                                   {},
	"smtpd_discard_ehlo_keyword_address_maps":                {},
	"smtpd_dns_reply_filter":                                 {},
	"smtpd_etrn_restrictions":                                {},
	"smtpd_forbidden_commands":                               {def: "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}"},
	"smtpd_helo_restrictions":                                {},
	"smtpd_log_access_permit_actions":                        {},
	"smtpd_milter_maps":                                      {},
	"smtpd_recipient_restrictions":                           {},
	"smtpd_reject_filter_maps":                               {since312: true},
	"smtpd_reject_footer_maps":                               {},
	"smtpd_relay_restrictions":                               {def: "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}"},
	"smtpd_sasl_exceptions_networks":                         {},
	"smtpd_sasl_mechanism_filter":                            {def: "!external, static:rest"},
	"smtpd_sender_login_maps":                                {},
	"smtpd_sender_restrictions":                              {},
	"smtpd_tls_loglevel_maps":                                {since312: true},
	"tls_server_sni_maps":                                    {},
	"tlsproxy_client_policy_maps":                            {def: "${tlsproxy_client_policy?{$tlsproxy_client_policy}:{$smtp_tls_policy_maps}}", was: "${tlsproxy_client_policy:$smtp_tls_policy_maps}"},
	"transport_maps":                                         {},
	"virtual_alias_domains":                                  {def: "$virtual_alias_maps"},
	"virtual_alias_maps":                                     {def: "$virtual_maps"},
	"virtual_delivery_status_filter":                         {def: "$default_delivery_status_filter"},
	"virtual_gid_maps":                                       {},
	"virtual_mailbox_domains":                                {def: "$virtual_mailbox_maps"},
	"virtual_mailbox_maps":                                   {},
	"virtual_uid_maps":                                       {},
}

// proxyReadMaps37 is the default of proxy_read_maps from Postfix 3.7.5 on.
const proxyReadMaps37 = "$local_recipient_maps $mydestination $virtual_alias_maps $virtual_alias_domains " +
	"$virtual_mailbox_maps $virtual_mailbox_domains $relay_recipient_maps $relay_domains $canonical_maps " +
	"$sender_canonical_maps $recipient_canonical_maps $relocated_maps $transport_maps $mynetworks " +
	"$smtpd_sender_login_maps $sender_bcc_maps $recipient_bcc_maps $smtp_generic_maps $lmtp_generic_maps " +
	"$alias_maps $smtpd_client_restrictions $smtpd_helo_restrictions $smtpd_sender_restrictions " +
	"$smtpd_relay_restrictions $smtpd_recipient_restrictions " +
	"$address_verify_sender_dependent_default_transport_maps " +
	"$address_verify_sender_dependent_relayhost_maps $address_verify_transport_maps " +
	"$fallback_transport_maps $lmtp_discard_lhlo_keyword_address_maps $lmtp_pix_workaround_maps " +
	"$lmtp_sasl_password_maps $lmtp_tls_policy_maps $mailbox_command_maps $mailbox_transport_maps " +
	"$postscreen_discard_ehlo_keyword_address_maps $rbl_reply_maps " +
	"$sender_dependent_default_transport_maps $sender_dependent_relayhost_maps " +
	"$smtp_discard_ehlo_keyword_address_maps $smtp_pix_workaround_maps $smtp_sasl_password_maps " +
	"$smtp_tls_policy_maps $smtpd_discard_ehlo_keyword_address_maps $smtpd_milter_maps $virtual_gid_maps " +
	"$virtual_uid_maps $local_login_sender_maps $postscreen_reject_footer_maps $smtpd_reject_footer_maps " +
	"$tls_server_sni_maps $tlsproxy_client_policy_maps $default_delivery_status_filter " +
	"$lmtp_delivery_status_filter $lmtp_dns_reply_filter $lmtp_reply_filter $local_delivery_status_filter " +
	"$pipe_delivery_status_filter $postscreen_command_filter $smtp_delivery_status_filter " +
	"$smtp_dns_reply_filter $smtp_reply_filter $smtpd_command_filter $smtpd_dns_reply_filter " +
	"$virtual_delivery_status_filter $body_checks $header_checks $lmtp_body_checks $lmtp_header_checks " +
	"$lmtp_mime_header_checks $lmtp_nested_header_checks $milter_header_checks $mime_header_checks " +
	"$nested_header_checks $smtp_body_checks $smtp_header_checks $smtp_mime_header_checks " +
	"$smtp_nested_header_checks"

// proxyReadMaps is that of Postfix 3.12.
const proxyReadMaps = proxyReadMaps37 + " $smtpd_reject_filter_maps $debug_peer_list $smtpd_etrn_restrictions $fast_flush_domains " +
	"$authorized_flush_users $lmtp_connection_cache_destinations $local_header_rewrite_clients " +
	"$masquerade_exceptions $postscreen_access_list $postscreen_allowlist_interfaces " +
	"$postscreen_forbidden_commands $qmqpd_authorized_clients $authorized_mailq_users " +
	"$smtp_connection_cache_destinations $smtpd_log_access_permit_actions $smtpd_forbidden_commands " +
	"$smtpd_client_event_limit_exceptions $smtpd_sasl_exceptions_networks $smtpd_sasl_mechanism_filter " +
	"$smtp_requiretls_policy $smtp_sasl_mechanism_filter $authorized_submit_users " +
	"$smtpd_authorized_verp_clients $smtpd_authorized_xclient_hosts $smtpd_authorized_xforward_hosts " +
	"$lmtp_tls_loglevel_maps $postscreen_tls_loglevel_maps $smtp_tls_loglevel_maps " +
	"$smtpd_tls_loglevel_maps"
