/**
 * The `datastore` section. This program has its own store; these are read so that the Go program's data is found, their
 * variables end up in a file that `init` writes, and nobody is warned of their keys (`spec/config.md §4.8`).
 */
import { boolean, decimal, duration, integer, type Json, type Kind, opaque, text } from '../kind.ts'
import { component, group, type Setting, setting } from '../setting.ts'

/** As many as a table of bare values has. */
type Bare<Table extends Record<string, string | number | boolean>> = {
  [Key in keyof Table]: Setting<
    Table[Key] extends string ? string : Table[Key] extends number ? number : boolean
  >
}

/** Settings that are nothing but a default; their kind follows from it. */
function bare<const Table extends Record<string, string | number | boolean>>(table: Table): Bare<Table> {
  const kindOf = (value: string | number | boolean): Kind<never> => {
    const kinds = { string: text, number: Number.isInteger(value) ? integer : decimal, boolean }
    return kinds[typeof value as keyof typeof kinds] as Kind<never>
  }
  return Object.fromEntries(
    Object.entries(table).map(([key, value]) => [key, setting(kindOf(value), value as never)]),
  ) as unknown as Bare<Table>
}

const folder = (initial: string) => setting(text, initial, { hidden: true })

/** A number in JSON, a duration in a variable. */
const nanoseconds: Kind<number> = {
  ...integer,
  fromText(written) {
    const milliseconds = duration.fromText(written)
    return milliseconds === undefined ? undefined : Math.round(milliseconds * 1e6)
  },
}

const levels: Json = [22, 23, 24, 25, 26, 27, 28].map((bits) => ({
  block_restart_interval: 16,
  block_size: 4096,
  block_size_threshold: 90,
  compression: 1,
  filter_type: 0,
  filter_policy: 10,
  index_block_size: 4096,
  target_file_size: 2 ** bits,
}))

export const pebble = component({
  section: 'datastore',
  name: 'pebble',
  environment: 'CLUSTER_PEBBLE',
  tree: {
    folder: folder('pebble'),
    pebble_options: group({
      ...bare({
        cache_size_bytes: 1_073_741_824,
        bytes_per_sync: 1_048_576,
        disable_wal: false,
      }),
      flush_delay_delete_range: setting(nanoseconds, 0),
      flush_delay_range_key: setting(nanoseconds, 0),
      ...bare({
        flush_split_bytes: 4_194_304,
        format_major_version: 24,
        l0_compaction_file_threshold: 750,
        l0_compaction_threshold: 4,
        l0_stop_writes_threshold: 12,
        l_base_max_bytes: 134_217_728,
        max_open_files: 1000,
        mem_table_size: 67_108_864,
        mem_table_stop_writes_threshold: 20,
        read_only: false,
        wal_bytes_per_sync: 0,
      }),
      levels: setting(opaque, levels),
    }),
  },
})

export const leveldb = component({
  section: 'datastore',
  name: 'leveldb',
  environment: 'CLUSTER_LEVELDB',
  tree: {
    folder: folder('leveldb'),
    leveldb_options: group({
      ...bare({
        block_cache_capacity: 0,
        block_cache_evict_removed: false,
        block_restart_interval: 0,
        block_size: 0,
        compaction_expand_limit_factor: 0,
        compaction_gp_overlaps_factor: 0,
        compaction_l0_trigger: 0,
        compaction_source_limit_factor: 0,
        compaction_table_size: 0,
      }),
      compaction_table_size_multiplier: setting(decimal, 0),
      compaction_table_size_multiplier_per_level: setting(opaque, null),
      compaction_total_size: setting(integer, 0),
      compaction_total_size_multiplier: setting(decimal, 0),
      compaction_total_size_multiplier_per_level: setting(opaque, null),
      ...bare({
        compression: 0,
        disable_buffer_pool: false,
        disable_block_cache: false,
        disable_compaction_backoff: false,
        disable_large_batch_transaction: false,
        iterator_sampling_rate: 0,
        no_sync: false,
        no_write_merge: false,
        open_files_cache_capacity: 0,
        read_only: false,
        strict: 0,
        write_buffer: 0,
        write_l0_pause_trigger: 0,
        write_l0_slowdown_trigger: 0,
      }),
    }),
  },
})

const badgerGc = {
  gc_discard_ratio: setting(decimal, 0.2, {
    limit: { what: 'above 0 and below 1', holds: (value: number) => value > 0 && value < 1 },
  }),
  gc_interval: setting(duration, 900_000),
  gc_sleep: setting(duration, 10_000),
}

export const badger = component({
  section: 'datastore',
  name: 'badger',
  environment: 'CLUSTER_BADGER',
  tree: {
    folder: folder('badger'),
    ...badgerGc,
    badger_options: group(
      bare({
        dir: '',
        value_dir: '',
        sync_writes: true,
        table_loading_mode: 2,
        value_log_loading_mode: 0,
        num_versions_to_keep: 1,
        max_table_size: 16_777_216,
        level_size_multiplier: 10,
        max_levels: 7,
        value_threshold: 32,
        num_memtables: 5,
        num_level_zero_tables: 5,
        num_level_zero_tables_stall: 10,
        level_one_size: 268_435_456,
        value_log_file_size: 1_073_741_823,
        value_log_max_entries: 1_000_000,
        num_compactors: 2,
        compact_l_0_on_close: false,
        read_only: false,
        truncate: true,
      }),
    ),
  },
})

export const badger3 = component({
  section: 'datastore',
  name: 'badger3',
  environment: 'CLUSTER_BADGER3',
  tree: {
    folder: folder('badger3'),
    ...badgerGc,
    badger_options: group({
      ...bare({
        dir: '',
        value_dir: '',
        sync_writes: false,
        num_versions_to_keep: 1,
        read_only: false,
        compression: 0,
        in_memory: false,
        metrics_enabled: true,
        num_goroutines: 8,
        mem_table_size: 67_108_864,
        base_table_size: 2_097_152,
        base_level_size: 10_485_760,
        level_size_multiplier: 10,
        table_size_multiplier: 2,
        max_levels: 7,
      }),
      v_log_percentile: setting(decimal, 0),
      ...bare({
        value_threshold: 100,
        num_memtables: 5,
        block_size: 4096,
        bloom_false_positive: 0.01,
        block_cache_size: 0,
        index_cache_size: 0,
        num_level_zero_tables: 5,
        num_level_zero_tables_stall: 15,
        value_log_file_size: 1_073_741_823,
        value_log_max_entries: 1_000_000,
        num_compactors: 4,
        compact_l_0_on_close: false,
        lmax_compaction: false,
        zstd_compression_level: 1,
        verify_value_checksum: false,
        checksum_verification_mode: 0,
        detect_conflicts: false,
        namespace_offset: -1,
      }),
    }),
  },
})
