/** Metadata of pins: texts by keys that users choose. */

/** Sets an entry; `__proto__` is a key like any other. */
export function setMetadata(metadata: Record<string, string>, key: string, value: string): void {
  Object.defineProperty(metadata, key, { value, enumerable: true, configurable: true, writable: true })
}
