/** Pins as versions 0.x of ipfs-cluster-service exported them, in the keys of today. */

/** Go's numbers of the types. */
const typeNames: Readonly<Record<number, string>> = {
  2: 'pin',
  4: 'meta-pin',
  8: 'clusterdag-pin',
  16: 'shard-pin',
}

/** CIDs were objects, types numbers, and there was one replication factor. What is of today stays as it is. */
export function inKeysOfToday(json: unknown): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json
  const pin = { ...json } as Record<string, unknown>
  for (const key of ['cid', 'pin_update', 'reference']) pin[key] = linkText(pin[key])
  if (typeof pin.type === 'number') pin.type = typeNames[pin.type] ?? pin.type
  if (pin.replication_factor !== undefined) {
    pin.replication_factor_min ??= pin.replication_factor
    pin.replication_factor_max ??= pin.replication_factor
    delete pin.replication_factor
  }
  return pin
}

function linkText(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('/' in value)) return value
  return Object.keys(value).length === 1 ? value['/'] : value
}
