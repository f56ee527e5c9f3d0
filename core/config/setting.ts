/**
 * The language in which the components of service.json are declared (`components/`): a component is a tree of settings,
 * and from that one declaration follow its TypeScript type, its defaults, how it is read from the file and from the
 * environment, how it is checked and how it is written.
 */
import type { Kind } from './kind.ts'

export interface Setting<Value> {
  readonly kind: Kind<Value>
  readonly initial: Value
  /**
   * True: an absent key is the kind's zero, and an empty value is what it says. False: both mean the default
   * (`spec/config.md §2`, rule 3).
   */
  readonly asGiven: boolean
  /** Written only when it differs from the default. */
  readonly hidden: boolean
  /** Never shown and never in a message. */
  readonly secret: boolean
  /** A value that cannot be read is warned of and taken as the default, where the original does so too. */
  readonly lenient: boolean
  readonly limit: Limit<Value> | undefined
}

/** What a value must fulfil beyond its kind. */
export interface Limit<Value> {
  /** Completes "must be …". */
  readonly what: string
  holds(value: Value): boolean
}

/** Settings under a key of their own. An absent group means the defaults of all of them. */
export interface Group<Tree extends SettingTree> {
  readonly tree: Tree
}

export interface SettingTree {
  readonly [key: string]: Setting<unknown> | Group<SettingTree>
}

/** A component as the rest of the program sees it: camelCase keys, durations in milliseconds. */
export type Values<Tree extends SettingTree> = {
  -readonly [Key in keyof Tree as Camel<Key & string>]: Tree[Key] extends Setting<infer Value>
    ? Value
    : Tree[Key] extends Group<infer Inner>
      ? Values<Inner>
      : never
}

type Camel<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Key

export interface Component<Tree extends SettingTree = SettingTree> {
  /** Top key of service.json; `cluster` holds its settings itself, the others hold components by name. */
  readonly section: Section
  readonly name: string
  /** Prefix of its environment variables, without the last underscore. */
  readonly environment: string
  readonly tree: Tree
  /** Checks between settings. Calls `refuse` with the key at fault and what is allowed. */
  check?(values: Values<Tree>, refuse: (key: string, allowed: string) => never): void
}

/** In the order of the file. */
export const sections = [
  'cluster',
  'consensus',
  'api',
  'ipfs_connector',
  'state',
  'pin_tracker',
  'monitor',
  'allocator',
  'informer',
  'observations',
  'datastore',
] as const

export type Section = (typeof sections)[number]

export function setting<Value>(
  kind: Kind<Value>,
  initial: Value,
  options: Partial<Omit<Setting<NoInfer<Value>>, 'kind' | 'initial'>> = {},
): Setting<Value> {
  return {
    kind,
    initial,
    asGiven: false,
    hidden: false,
    secret: false,
    lenient: false,
    limit: undefined,
    ...options,
  }
}

export function group<const Tree extends SettingTree>(tree: Tree): Group<Tree> {
  return { tree }
}

export function component<const Tree extends SettingTree>(declared: Component<Tree>): Component<Tree> {
  return declared
}

/** The dotted name of a component: `cluster`, `api.restapi`. */
export function pathOf({ section, name }: Pick<Component, 'section' | 'name'>): string {
  return section === 'cluster' ? section : `${section}.${name}`
}

/** The name of the variable of a setting: words joined, groups apart (`spec/config.md §3`). */
export function variableOf(prefix: string, key: string): string {
  return `${prefix}_${key.replaceAll('_', '').toUpperCase()}`
}

export function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

export const positive: Limit<number> = { what: 'above 0', holds: (value) => value > 0 }
export const notNegative: Limit<number> = { what: 'at least 0', holds: (value) => value >= 0 }
export const notEmpty: Limit<unknown[]> = {
  what: 'with at least one entry',
  holds: (value) => value.length > 0,
}
