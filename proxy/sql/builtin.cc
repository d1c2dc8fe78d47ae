// SPDX-License-Identifier: PostgreSQL
#include "proxy/sql/builtin.h"

#include <algorithm>
#include <array>

namespace pgpool::sql {
namespace {

// Sorted by name. Functions that leave UnknownCode run SQL given as text, or tie something to their session
// (a backup, a temporary replication slot, a replication origin).
constexpr auto kVolatile = std::to_array<BuiltinFunction>({
    {"brin_desummarize_range"},
    {"brin_summarize_new_values"},
    {"brin_summarize_range"},
    {"clock_timestamp"},
    {"current_query"},
    {"currtid2"},
    {"currval"},
    {"cursor_to_xml"},
    {"cursor_to_xmlschema"},
    {"database_to_xml", Leaves::UnknownCode},
    {"database_to_xml_and_xmlschema", Leaves::UnknownCode},
    {"gen_random_uuid"},
    {"gin_clean_pending_list"},
    {"lastval"},
    {"lo_close", Leaves::LargeObject},
    {"lo_creat"},
    {"lo_create"},
    {"lo_export"},
    {"lo_from_bytea"},
    {"lo_get"},
    {"lo_import"},
    {"lo_lseek", Leaves::LargeObject},
    {"lo_lseek64", Leaves::LargeObject},
    {"lo_open", Leaves::LargeObject},
    {"lo_put"},
    {"lo_tell", Leaves::LargeObject},
    {"lo_tell64", Leaves::LargeObject},
    {"lo_truncate", Leaves::LargeObject},
    {"lo_truncate64", Leaves::LargeObject},
    {"lo_unlink"},
    {"loread", Leaves::LargeObject},
    {"lowrite", Leaves::LargeObject},
    {"nextval"},
    {"pg_advisory_lock", Leaves::AdvisoryLock, Leaves::Nothing, true},
    {"pg_advisory_lock_shared", Leaves::AdvisoryLock, Leaves::Nothing, true},
    {"pg_advisory_unlock", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_advisory_unlock_all", Leaves::Nothing, Leaves::AdvisoryLock, true},
    {"pg_advisory_unlock_shared", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_advisory_xact_lock", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_advisory_xact_lock_shared", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_available_wal_summaries"},
    {"pg_backup_start", Leaves::UnknownCode},
    {"pg_backup_start_time"},
    {"pg_backup_stop", Leaves::UnknownCode},
    {"pg_blocking_pids"},
    {"pg_cancel_backend"},
    {"pg_clear_attribute_stats"},
    {"pg_clear_relation_stats"},
    {"pg_collation_actual_version"},
    {"pg_control_checkpoint"},
    {"pg_control_init"},
    {"pg_control_recovery"},
    {"pg_control_system"},
    {"pg_copy_logical_replication_slot", Leaves::UnknownCode},
    {"pg_copy_physical_replication_slot", Leaves::UnknownCode},
    {"pg_create_logical_replication_slot", Leaves::UnknownCode},
    {"pg_create_physical_replication_slot", Leaves::UnknownCode},
    {"pg_create_restore_point"},
    {"pg_current_logfile"},
    {"pg_current_wal_flush_lsn"},
    {"pg_current_wal_insert_lsn"},
    {"pg_current_wal_lsn"},
    {"pg_database_collation_actual_version"},
    {"pg_database_size"},
    {"pg_drop_replication_slot"},
    {"pg_export_snapshot", Leaves::SnapshotExport},
    {"pg_extension_config_dump"},
    {"pg_get_aios"},
    {"pg_get_backend_memory_contexts"},
    {"pg_get_loaded_modules"},
    {"pg_get_multixact_members"},
    {"pg_get_shmem_allocations"},
    {"pg_get_wal_replay_pause_state"},
    {"pg_get_wal_resource_managers"},
    {"pg_get_wal_summarizer_state"},
    {"pg_hba_file_rules"},
    {"pg_ident_file_mappings"},
    {"pg_import_system_collations"},
    {"pg_indexes_size"},
    {"pg_is_in_backup"},
    {"pg_is_in_recovery"},
    {"pg_is_wal_replay_paused"},
    {"pg_jit_available"},
    {"pg_last_committed_xact"},
    {"pg_last_wal_receive_lsn"},
    {"pg_last_wal_replay_lsn"},
    {"pg_last_xact_replay_timestamp"},
    {"pg_lock_status"},
    {"pg_log_backend_memory_contexts"},
    {"pg_log_standby_snapshot"},
    {"pg_logical_emit_message"},
    {"pg_logical_slot_get_binary_changes"},
    {"pg_logical_slot_get_changes"},
    {"pg_logical_slot_peek_binary_changes"},
    {"pg_logical_slot_peek_changes"},
    {"pg_ls_archive_statusdir"},
    {"pg_ls_dir"},
    {"pg_ls_logdir"},
    {"pg_ls_logicalmapdir"},
    {"pg_ls_logicalsnapdir"},
    {"pg_ls_replslotdir"},
    {"pg_ls_tmpdir"},
    {"pg_ls_waldir"},
    {"pg_nextoid"},
    {"pg_notification_queue_usage"},
    {"pg_notify"},
    {"pg_partition_ancestors"},
    {"pg_partition_tree"},
    {"pg_prepared_xact"},
    {"pg_promote"},
    {"pg_read_binary_file"},
    {"pg_read_file"},
    {"pg_read_file_old"},
    {"pg_relation_size"},
    {"pg_reload_conf"},
    {"pg_replication_origin_advance"},
    {"pg_replication_origin_create"},
    {"pg_replication_origin_drop"},
    {"pg_replication_origin_progress"},
    {"pg_replication_origin_session_is_setup"},
    {"pg_replication_origin_session_progress"},
    {"pg_replication_origin_session_reset", Leaves::UnknownCode},
    {"pg_replication_origin_session_setup", Leaves::UnknownCode},
    {"pg_replication_origin_xact_reset"},
    {"pg_replication_origin_xact_setup"},
    {"pg_replication_slot_advance"},
    {"pg_restore_attribute_stats"},
    {"pg_restore_relation_stats"},
    {"pg_rotate_logfile"},
    {"pg_rotate_logfile_old"},
    {"pg_safe_snapshot_blocking_pids"},
    {"pg_sequence_last_value"},
    {"pg_show_all_file_settings"},
    {"pg_show_replication_origin_status"},
    {"pg_sleep"},
    {"pg_sleep_for"},
    {"pg_sleep_until"},
    {"pg_start_backup", Leaves::UnknownCode},
    {"pg_stat_clear_snapshot"},
    {"pg_stat_file"},
    {"pg_stat_force_next_flush"},
    {"pg_stat_get_backend_io"},
    {"pg_stat_get_recovery_prefetch"},
    {"pg_stat_get_xact_blocks_fetched"},
    {"pg_stat_get_xact_blocks_hit"},
    {"pg_stat_get_xact_function_calls"},
    {"pg_stat_get_xact_function_self_time"},
    {"pg_stat_get_xact_function_total_time"},
    {"pg_stat_get_xact_numscans"},
    {"pg_stat_get_xact_tuples_deleted"},
    {"pg_stat_get_xact_tuples_fetched"},
    {"pg_stat_get_xact_tuples_hot_updated"},
    {"pg_stat_get_xact_tuples_inserted"},
    {"pg_stat_get_xact_tuples_returned"},
    {"pg_stat_get_xact_tuples_updated"},
    {"pg_stat_have_stats"},
    {"pg_stat_reset"},
    {"pg_stat_reset_backend_stats"},
    {"pg_stat_reset_replication_slot"},
    {"pg_stat_reset_shared"},
    {"pg_stat_reset_single_function_counters"},
    {"pg_stat_reset_single_table_counters"},
    {"pg_stat_reset_slru"},
    {"pg_stat_reset_subscription_stats"},
    {"pg_stop_backup", Leaves::UnknownCode},
    {"pg_stop_making_pinned_objects"},
    {"pg_switch_wal"},
    {"pg_sync_replication_slots"},
    {"pg_table_size"},
    {"pg_tablespace_size"},
    {"pg_terminate_backend"},
    {"pg_total_relation_size"},
    {"pg_try_advisory_lock", Leaves::AdvisoryLock, Leaves::Nothing, true},
    {"pg_try_advisory_lock_shared", Leaves::AdvisoryLock, Leaves::Nothing, true},
    {"pg_try_advisory_xact_lock", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_try_advisory_xact_lock_shared", Leaves::Nothing, Leaves::Nothing, true},
    {"pg_wal_replay_pause"},
    {"pg_wal_replay_resume"},
    {"pg_wal_summary_contents"},
    {"pg_xact_commit_timestamp"},
    {"pg_xact_commit_timestamp_origin"},
    {"pg_xact_status"},
    {"query_to_xml", Leaves::UnknownCode},
    {"query_to_xml_and_xmlschema", Leaves::UnknownCode},
    {"query_to_xmlschema", Leaves::UnknownCode},
    {"random"},
    {"random_normal"},
    {"schema_to_xml", Leaves::UnknownCode},
    {"schema_to_xml_and_xmlschema", Leaves::UnknownCode},
    {"setseed", Leaves::UnknownSetting},
    {"setval"},
    {"table_to_xml", Leaves::UnknownCode},
    {"table_to_xml_and_xmlschema", Leaves::UnknownCode},
    {"timeofday"},
    {"ts_rewrite", Leaves::UnknownCode},
    {"ts_stat", Leaves::UnknownCode},
    {"txid_status"},
    {"uuidv4"},
    {"uuidv7"},
});

// Sorted. Without the pseudo-types.
// clang-format off
constexpr auto kTypes = std::to_array<std::string_view>({
    "aclitem", "bit", "bool", "box", "bpchar", "bytea", "char", "cid", "cidr", "circle", "date",
    "datemultirange", "daterange", "float4", "float8", "gtsvector", "inet", "int2", "int2vector", "int4",
    "int4multirange", "int4range", "int8", "int8multirange", "int8range", "interval", "json", "jsonb",
    "jsonpath", "line", "lseg", "macaddr", "macaddr8", "money", "name", "numeric", "nummultirange",
    "numrange", "oid", "oidvector", "path", "pg_brin_bloom_summary", "pg_brin_minmax_multi_summary",
    "pg_ddl_command", "pg_dependencies", "pg_lsn", "pg_mcv_list", "pg_ndistinct", "pg_node_tree",
    "pg_snapshot", "point", "polygon", "record", "refcursor", "regclass", "regcollation", "regconfig",
    "regdictionary", "regnamespace", "regoper", "regoperator", "regproc", "regprocedure", "regrole",
    "regtype", "text", "tid", "time", "timestamp", "timestamptz", "timetz", "tsmultirange", "tsquery",
    "tsrange", "tstzmultirange", "tstzrange", "tsvector", "txid_snapshot", "uuid", "varbit", "varchar",
    "xid", "xid8", "xml",
});
// clang-format on

// Sorted.
// clang-format off
constexpr auto kCommon = std::to_array<std::string_view>({
    "abs", "age", "array_agg", "array_append", "array_cat", "array_dims", "array_length", "array_lower",
    "array_position", "array_prepend", "array_remove", "array_replace", "array_to_json", "array_to_string",
    "array_upper", "ascii", "avg", "bit_and", "bit_length", "bit_or", "bool_and", "bool_or", "btrim",
    "cardinality", "ceil", "ceiling", "char_length", "character_length", "chr", "concat", "concat_ws",
    "convert_from", "convert_to", "corr", "count", "covar_pop", "cume_dist", "current_database",
    "current_schema", "current_schemas", "current_setting", "date", "date_bin", "date_part", "date_trunc",
    "decode", "degrees", "dense_rank", "div", "encode", "every", "exp", "extract", "first_value", "floor",
    "format", "format_type", "gcd", "generate_series", "generate_subscripts", "has_schema_privilege",
    "has_table_privilege", "initcap", "isfinite", "json_agg", "json_array_elements",
    "json_array_elements_text", "json_array_length", "json_build_array", "json_build_object", "json_each",
    "json_each_text", "json_extract_path", "json_extract_path_text", "json_object", "json_object_agg",
    "json_object_keys", "json_populate_record", "json_strip_nulls", "json_to_record", "json_to_recordset",
    "json_typeof", "jsonb_agg", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_each", "jsonb_each_text", "jsonb_extract_path",
    "jsonb_extract_path_text", "jsonb_insert", "jsonb_object", "jsonb_object_agg", "jsonb_object_keys",
    "jsonb_path_exists", "jsonb_path_query", "jsonb_path_query_array", "jsonb_pretty", "jsonb_set",
    "jsonb_strip_nulls", "jsonb_to_record", "jsonb_to_recordset", "jsonb_typeof", "justify_days",
    "justify_hours", "justify_interval", "lag", "last_value", "lcm", "lead", "left", "length", "ln", "log",
    "lower", "lower_inc", "lpad", "ltrim", "make_date", "make_interval", "make_time", "make_timestamp",
    "make_timestamptz", "max", "md5", "min", "mod", "mode", "now", "nth_value", "ntile", "numnode",
    "obj_description", "octet_length", "percent_rank", "percentile_cont", "percentile_disc",
    "pg_backend_pid", "pg_get_expr", "pg_get_indexdef", "pg_get_userbyid", "pg_get_viewdef",
    "pg_table_is_visible", "pg_typeof", "pi", "plainto_tsquery", "position", "pow", "power", "querytree",
    "quote_ident", "quote_literal", "quote_nullable", "radians", "rank", "regexp_match", "regexp_matches",
    "regexp_replace", "regexp_split_to_array", "regexp_split_to_table", "repeat", "replace", "reverse",
    "right", "round", "row_number", "row_to_json", "rpad", "rtrim", "scale", "sha256", "sign", "split_part",
    "sqrt", "starts_with", "statement_timestamp", "stddev", "stddev_pop", "stddev_samp", "string_agg",
    "string_to_array", "strpos", "substr", "substring", "sum", "to_char", "to_date", "to_hex", "to_json",
    "to_jsonb", "to_number", "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp",
    "translate", "trunc", "ts_headline", "ts_rank", "unnest", "upper", "upper_inc", "var_pop", "var_samp",
    "variance", "version", "websearch_to_tsquery", "width_bucket",
});
// clang-format on

// Sorted. Not here although STABLE: what depends on the clock, the session, the node or numbers of catalog
// rows, and what reads text as a value of any type (json_populate_record: 'now').
// clang-format off
constexpr auto kSettingsOnly = std::to_array<std::string_view>({
    "anytextcat", "array_to_json", "array_to_string", "concat", "concat_ws", "convert", "convert_from",
    "convert_to", "current_database", "current_schema", "date", "date_cmp_timestamptz",
    "date_eq_timestamptz", "date_ge_timestamptz", "date_gt_timestamptz", "date_le_timestamptz",
    "date_lt_timestamptz", "date_ne_timestamptz", "date_part", "date_trunc", "enum_first", "enum_last",
    "enum_range", "extract", "format", "generate_series", "get_current_ts_config",
    "interval_pl_timestamptz", "json_agg", "json_agg_transfn", "json_build_array", "json_build_object",
    "json_object_agg", "json_object_agg_transfn", "json_to_tsvector", "jsonb_agg", "jsonb_agg_finalfn",
    "jsonb_agg_transfn", "jsonb_build_array", "jsonb_build_object", "jsonb_object_agg",
    "jsonb_object_agg_finalfn", "jsonb_object_agg_transfn", "jsonb_path_exists_tz", "jsonb_path_match_tz",
    "jsonb_path_query_array_tz", "jsonb_path_query_first_tz", "jsonb_path_query_tz", "jsonb_to_tsvector",
    "length", "make_timestamptz", "money", "numeric", "overlaps", "phraseto_tsquery", "plainto_tsquery",
    "quote_literal", "quote_nullable", "row_to_json", "textanycat", "time", "timestamp",
    "timestamp_cmp_timestamptz", "timestamp_eq_timestamptz", "timestamp_ge_timestamptz",
    "timestamp_gt_timestamptz", "timestamp_le_timestamptz", "timestamp_lt_timestamptz",
    "timestamp_ne_timestamptz", "timestamptz", "timestamptz_cmp_date", "timestamptz_cmp_timestamp",
    "timestamptz_eq_date", "timestamptz_eq_timestamp", "timestamptz_ge_date", "timestamptz_ge_timestamp",
    "timestamptz_gt_date", "timestamptz_gt_timestamp", "timestamptz_le_date", "timestamptz_le_timestamp",
    "timestamptz_lt_date", "timestamptz_lt_timestamp", "timestamptz_mi_interval", "timestamptz_ne_date",
    "timestamptz_ne_timestamp", "timestamptz_pl_interval", "timezone", "to_char", "to_date", "to_json",
    "to_jsonb", "to_number", "to_timestamp", "to_tsquery", "to_tsvector", "ts_headline",
    "websearch_to_tsquery",
});
// clang-format on

// Sorted.
// clang-format off
constexpr auto kByNumbers = std::to_array<std::string_view>({
    "hash_aclitem", "hash_aclitem_extended", "hash_array", "hash_array_extended", "hash_multirange",
    "hash_multirange_extended", "hash_range", "hash_range_extended", "hash_record", "hash_record_extended",
    "hashenum", "hashenumextended", "hashoid", "hashoidextended", "hashoidvector", "hashoidvectorextended",
});
// clang-format on

// Sorted.
// clang-format off
constexpr auto kOrdered = std::to_array<std::string_view>({
    "array_agg", "avg", "corr", "covar_pop", "covar_samp", "json_agg", "json_object_agg", "jsonb_agg",
    "jsonb_object_agg", "mode", "regr_avgy", "regr_intercept", "regr_r2", "regr_slope",
    "regr_sxx", "regr_sxy", "regr_syy", "stddev", "stddev_pop", "stddev_samp", "string_agg", "sum",
    "var_pop", "var_samp", "variance", "xmlagg",
});
// clang-format on

// Sorted.
// clang-format off
constexpr auto kGiveDates = std::to_array<std::string_view>({
    "age", "clock_timestamp", "date", "date_bin", "date_trunc", "justify_days", "justify_hours",
    "justify_interval", "make_date", "make_interval", "make_time", "make_timestamp", "make_timestamptz",
    "now", "statement_timestamp", "timestamp", "timestamptz", "timezone", "to_date", "to_timestamp",
    "transaction_timestamp",
});
// clang-format on

// Sorted.
// clang-format off
constexpr auto kWriteNothing = std::to_array<std::string_view>({
    "clock_timestamp", "current_query", "currtid2", "currval", "gen_random_uuid", "lastval", "lo_get",
    "pg_blocking_pids", "pg_cancel_backend", "pg_collation_actual_version",
    "pg_database_collation_actual_version", "pg_database_size", "pg_export_snapshot", "pg_hba_file_rules",
    "pg_ident_file_mappings", "pg_indexes_size", "pg_jit_available", "pg_lock_status",
    "pg_log_backend_memory_contexts", "pg_notification_queue_usage", "pg_notify", "pg_prepared_xact",
    "pg_read_binary_file", "pg_read_file", "pg_relation_size", "pg_reload_conf", "pg_rotate_logfile",
    "pg_safe_snapshot_blocking_pids", "pg_sequence_last_value", "pg_switch_wal", "pg_table_size",
    "pg_tablespace_size", "pg_terminate_backend", "pg_total_relation_size", "random", "random_normal",
    "set_config", "setseed", "timeofday", "txid_status", "uuidv4", "uuidv7",
});
// clang-format on

// clang-format off
constexpr auto kWriteNothingPrefixes = std::to_array<std::string_view>({
    "pg_advisory_", "pg_control_", "pg_current_", "pg_get_", "pg_is_", "pg_last_", "pg_ls_",
    "pg_partition_", "pg_show_", "pg_sleep", "pg_stat_", "pg_try_advisory_", "pg_xact_",
});
// clang-format on

constexpr auto kDates = std::to_array<std::string_view>({"date", "time", "timestamp", "timestamptz"});
// "time with time zone" is among them because its offset depends on the day.
constexpr auto kDateContainers = std::to_array<std::string_view>(
    {"datemultirange", "daterange", "timetz", "tsmultirange", "tsrange", "tstzmultirange", "tstzrange"});
constexpr auto kObjectTypes = std::to_array<std::string_view>(
    {"oid", "oidvector", "regclass", "regcollation", "regconfig", "regdictionary", "regnamespace", "regoper",
     "regoperator", "regproc", "regprocedure", "regrole", "regtype"});

template <std::size_t Size>
bool holds(const std::array<std::string_view, Size>& sorted, std::string_view name) {
    return std::binary_search(sorted.begin(), sorted.end(), name);
}

constexpr bool by_name(const BuiltinFunction& a, const BuiltinFunction& b) {
    return a.name < b.name;
}
static_assert(std::is_sorted(kVolatile.begin(), kVolatile.end(), by_name));
static_assert(std::is_sorted(kTypes.begin(), kTypes.end()));
static_assert(std::is_sorted(kCommon.begin(), kCommon.end()));
static_assert(std::is_sorted(kSettingsOnly.begin(), kSettingsOnly.end()));
static_assert(std::is_sorted(kByNumbers.begin(), kByNumbers.end()));
static_assert(std::is_sorted(kOrdered.begin(), kOrdered.end()));
static_assert(std::is_sorted(kGiveDates.begin(), kGiveDates.end()));
static_assert(std::is_sorted(kWriteNothing.begin(), kWriteNothing.end()));
static_assert(std::is_sorted(kDates.begin(), kDates.end()));
static_assert(std::is_sorted(kDateContainers.begin(), kDateContainers.end()));
static_assert(std::is_sorted(kObjectTypes.begin(), kObjectTypes.end()));

}  // namespace

const BuiltinFunction* volatile_builtin(std::string_view name) {
    const auto* found = std::lower_bound(kVolatile.begin(), kVolatile.end(), BuiltinFunction{name}, by_name);
    return found != kVolatile.end() && found->name == name ? found : nullptr;
}

bool is_common_builtin(std::string_view name) {
    return std::binary_search(kCommon.begin(), kCommon.end(), name);
}

bool is_builtin_type(std::string_view name) {
    if (!name.empty() && name.front() == '_') name.remove_prefix(1);
    return std::binary_search(kTypes.begin(), kTypes.end(), name);
}

DateType date_type(std::string_view name) {
    const bool array = !name.empty() && name.front() == '_';
    if (array) name.remove_prefix(1);
    if (holds(kDates, name)) return array ? DateType::Contains : DateType::Is;
    return holds(kDateContainers, name) ? DateType::Contains : DateType::No;
}

bool depends_on_settings_only(std::string_view name) {
    return holds(kSettingsOnly, name);
}

bool depends_on_numbers(std::string_view name) {
    return holds(kByNumbers, name);
}

bool runs_unknown_code(std::string_view name) {
    const BuiltinFunction* known = volatile_builtin(name);
    return known != nullptr && has(known->leaves, Leaves::UnknownCode);
}

bool depends_on_order(std::string_view aggregate) {
    return holds(kOrdered, aggregate) || aggregate.starts_with("regr_");
}

bool gives_date(std::string_view name) {
    return holds(kGiveDates, name);
}

bool writes_nothing(std::string_view name) {
    return holds(kWriteNothing, name) ||
           std::any_of(kWriteNothingPrefixes.begin(), kWriteNothingPrefixes.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool extension_writes_nothing(std::string_view name, std::string_view language) {
    constexpr auto kKnown =
        std::to_array<std::string_view>({"gen_random_bytes", "gen_random_uuid", "gen_salt",
                                         "uuid_generate_v1", "uuid_generate_v1mc", "uuid_generate_v4"});
    return language == "c" && std::find(kKnown.begin(), kKnown.end(), name) != kKnown.end();
}

bool is_object_type(std::string_view name) {
    if (!name.empty() && name.front() == '_') name.remove_prefix(1);
    return holds(kObjectTypes, name);
}

}  // namespace pgpool::sql
