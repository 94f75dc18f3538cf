/** Functions and tables of databases that reach beyond the data: files, programs, networks, time, other people's secrets. */

export const DANGEROUS_FUNCTIONS = new Set(
  [
    // PostgreSQL, beside those that are told by how they begin
    'set_config setval nextval setseed ts_stat txid_current',
    // and of what is shipped with it or beside it: text that is run as a statement, other machines
    'xpath_table crosstab crosstab2 crosstab3 crosstab4 connectby http http_get http_post http_put http_patch http_delete http_head',
    // MySQL
    'load_file benchmark sleep extractvalue updatexml get_lock release_lock master_pos_wait name_const sys_exec sys_eval gtid_subset',
    // SQLite
    'load_extension readfile writefile edit fts3_tokenizer randomblob zeroblob',
    // SQL Server
    'openrowset opendatasource openquery fn_xe_file_target_read_file fn_get_audit_file fn_trace_gettable',
    // Oracle
    'httpuritype',
    // DuckDB, ClickHouse, Snowflake
    'read_csv read_csv_auto read_parquet read_json read_json_auto read_text read_blob sniff_csv url s3 remote getenv file hdfs',
  ].flatMap((line) => line.split(' ')),
)

/** Where passwords and keys of the database itself are. */
export const SECRET_TABLES = new Set(
  'pg_shadow pg_authid pg_user_mapping pg_user_mappings pg_hba_file_rules pg_file_settings pg_largeobject syslogins sql_logins sysusers user$ dba_users'.split(
    ' ',
  ),
)

/** Schemas of extensions that reach other machines or run things later, whichever of their functions is called. */
export const REACHING_SCHEMAS = new Set('cron net aws_s3 aws_lambda'.split(' '))
