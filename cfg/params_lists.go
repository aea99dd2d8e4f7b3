// SPDX-License-Identifier: ISC

package cfg

// laterParams are the parameters of spawn, of proxymap, and of the tables that
// proxymap may open. Whoever uses them evaluates them, and only then is a bad
// value an error.
var laterParams = []param{
	{name: "address_verify_map", def: "$default_cache_db_type:$data_directory/verify_cache", was: "btree:$data_directory/verify_cache"},
	{name: "address_verify_sender_dependent_default_transport_maps", def: "$sender_dependent_default_transport_maps"},
	{name: "address_verify_sender_dependent_relayhost_maps", def: "$sender_dependent_relayhost_maps"},
	{name: "address_verify_transport_maps", def: "$transport_maps"},
	{name: "alias_maps", def: "$default_database_type:/etc/aliases", was: "hash:/etc/aliases, nis:mail.aliases"},
	{name: "authorized_flush_users", def: "static:anyone"},
	{name: "authorized_mailq_users", def: "static:anyone"},
	{name: "authorized_submit_users", def: "static:anyone"},
	{name: "body_checks"},
	{name: "canonical_maps"},
	{name: "command_time_limit", kind: timeKind, def: "1000s", min: 1},
	{name: "debug_peer_list"},
	{name: "default_delivery_status_filter"},
	{name: "export_environment", def: "TZ MAIL_CONFIG LANG"},
	{name: "fallback_transport_maps"},
	{name: "fast_flush_domains", def: "$relay_domains"},
	{name: "header_checks"},
	{name: "lmtp_body_checks"},
	{name: "lmtp_connection_cache_destinations"},
	{name: "lmtp_delivery_status_filter", def: "$default_delivery_status_filter"},
	{name: "lmtp_discard_lhlo_keyword_address_maps"},
	{name: "lmtp_dns_reply_filter"},
	{name: "lmtp_generic_maps"},
	{name: "lmtp_header_checks"},
	{name: "lmtp_mime_header_checks"},
	{name: "lmtp_nested_header_checks"},
	{name: "lmtp_pix_workaround_maps"},
	{name: "lmtp_reply_filter"},
	{name: "lmtp_sasl_auth_cache_name"},
	{name: "lmtp_sasl_password_maps"},
	{name: "lmtp_tls_loglevel_maps", since312: true},
	{name: "lmtp_tls_policy_maps"},
	{name: "local_delivery_status_filter", def: "$default_delivery_status_filter"},
	{name: "local_header_rewrite_clients", def: "permit_inet_interfaces"},
	{name: "local_login_sender_maps", def: "static:*"},
	{name: "local_recipient_maps", def: "proxy:unix:passwd.byname $alias_maps"},
	{name: "mailbox_command_maps"},
	{name: "mailbox_transport_maps"},
	{name: "masquerade_exceptions"},
	{name: "milter_header_checks"},
	{name: "mime_header_checks", def: "$header_checks"},
	{name: "nested_header_checks", def: "$header_checks"},
	{name: "pipe_delivery_status_filter", def: "$default_delivery_status_filter"},
	{name: "postscreen_access_list", def: "permit_mynetworks"},
	{name: "postscreen_allowlist_interfaces", def: "${postscreen_whitelist_interfaces?{$postscreen_whitelist_interfaces}:{static:all}}"},
	{name: "postscreen_cache_map", def: "$default_cache_db_type:$data_directory/postscreen_cache", was: "btree:$data_directory/postscreen_cache"},
	{name: "postscreen_command_filter"},
	{name: "postscreen_discard_ehlo_keyword_address_maps", def: "$smtpd_discard_ehlo_keyword_address_maps"},
	{name: "postscreen_forbidden_commands", def: "$smtpd_forbidden_commands"},
	{name: "postscreen_reject_footer_maps", def: "$smtpd_reject_footer_maps"},
	{name: "postscreen_tls_loglevel_maps", since312: true},
	{name: "proxy_read_maps", def: proxyReadMaps, was: proxyReadMaps37},
	{name: "proxy_write_maps", def: "$smtp_sasl_auth_cache_name $lmtp_sasl_auth_cache_name $address_verify_map $postscreen_cache_map"},
	{name: "qmqpd_authorized_clients"},
	{name: "rbl_reply_maps"},
	{name: "recipient_bcc_maps"},
	{name: "recipient_canonical_maps"},
	{name: "relay_domains", def: "${{$compatibility_level} <level {2} ? {$mydestination} : {}}"},
	{name: "relay_recipient_maps"},
	{name: "relocated_maps"},
	{name: "sender_bcc_maps"},
	{name: "sender_canonical_maps"},
	{name: "sender_dependent_default_transport_maps"},
	{name: "sender_dependent_relayhost_maps"},
	{name: "smtp_body_checks"},
	{name: "smtp_connection_cache_destinations"},
	{name: "smtp_delivery_status_filter", def: "$default_delivery_status_filter"},
	{name: "smtp_discard_ehlo_keyword_address_maps"},
	{name: "smtp_dns_reply_filter"},
	{name: "smtp_generic_maps"},
	{name: "smtp_header_checks"},
	{name: "smtp_mime_header_checks"},
	{name: "smtp_nested_header_checks"},
	{name: "smtp_pix_workaround_maps"},
	{name: "smtp_reply_filter"},
	{name: "smtp_requiretls_policy", def: "inline:{{.$mydomain=opportunistic}, {localhost=opportunistic}}, opportunistic+starttls", since312: true},
	{name: "smtp_sasl_auth_cache_name"},
	{name: "smtp_sasl_mechanism_filter"},
	{name: "smtp_sasl_password_maps"},
	{name: "smtp_tls_loglevel_maps", since312: true},
	{name: "smtp_tls_policy_maps"},
	{name: "smtpd_authorized_verp_clients", def: "$authorized_verp_clients"},
	{name: "smtpd_authorized_xclient_hosts"},
	{name: "smtpd_authorized_xforward_hosts"},
	{name: "smtpd_client_event_limit_exceptions", def: "${smtpd_client_connection_limit_exceptions:$mynetworks}"},
	{name: "smtpd_client_restrictions"},
	{name: "smtpd_command_filter"},
	{name: "smtpd_discard_ehlo_keyword_address_maps"},
	{name: "smtpd_dns_reply_filter"},
	{name: "smtpd_etrn_restrictions"},
	{name: "smtpd_forbidden_commands", def: "CONNECT GET POST regexp:{{/^[^A-Z]/ Bogus}}"},
	{name: "smtpd_helo_restrictions"},
	{name: "smtpd_log_access_permit_actions"},
	{name: "smtpd_milter_maps"},
	{name: "smtpd_recipient_restrictions"},
	{name: "smtpd_reject_filter_maps", since312: true},
	{name: "smtpd_reject_footer_maps"},
	{name: "smtpd_relay_restrictions", def: "${{$compatibility_level} <level {1} ? {} : {permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination}}"},
	{name: "smtpd_sasl_exceptions_networks"},
	{name: "smtpd_sasl_mechanism_filter", def: "!external, static:rest"},
	{name: "smtpd_sender_login_maps"},
	{name: "smtpd_sender_restrictions"},
	{name: "smtpd_tls_loglevel_maps", since312: true},
	{name: "tls_server_sni_maps"},
	{name: "tlsproxy_client_policy_maps", def: "${tlsproxy_client_policy?{$tlsproxy_client_policy}:{$smtp_tls_policy_maps}}", was: "${tlsproxy_client_policy:$smtp_tls_policy_maps}"},
	{name: "transport_maps"},
	{name: "virtual_alias_domains", def: "$virtual_alias_maps"},
	{name: "virtual_alias_maps", def: "$virtual_maps"},
	{name: "virtual_delivery_status_filter", def: "$default_delivery_status_filter"},
	{name: "virtual_gid_maps"},
	{name: "virtual_mailbox_domains", def: "$virtual_mailbox_maps"},
	{name: "virtual_mailbox_maps"},
	{name: "virtual_uid_maps"},
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
