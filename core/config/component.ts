/**
 * Reads, overrides, checks and writes one component of service.json by its declaration. Which components are there and
 * what their absence means is in `service.ts`.
 */
import { ConfigValueError } from './errors.ts'
import { type Json, type Kind, opaque, text } from './kind.ts'
import {
  type Component,
  camelCase,
  type Group,
  pathOf,
  type Setting,
  type SettingTree,
  type Values,
  variableOf,
} from './setting.ts'

export type Environment = Record<string, string | undefined>

export interface Reading {
  /** Path or URL of the file, for messages. */
  file: string
  /** Takes what the user should know and need not act on. */
  warn(message: string): void
}

type Tree = SettingTree
type AnyValues = Record<string, unknown>
type JsonObject = { [key: string]: Json }

/** The values of a component that the file does not have. */
export function defaultsOf<T extends Tree>(component: Component<T>): Values<T> {
  return mapTree(component.tree, (setting) => setting.initial) as Values<T>
}

/** Reads the JSON of a component. Throws `ConfigValueError`. */
export function readComponent<T extends Tree>(
  component: Component<T>,
  json: Json,
  reading: Reading,
): Values<T> {
  return readTree(component.tree, json, { ...reading, path: pathOf(component) }) as Values<T>
}

/** Puts the variables of `environment` over `values`. Throws `ConfigValueError` that names the variable. */
export function overrideComponent<T extends Tree>(
  component: Component<T>,
  values: Values<T>,
  environment: Environment,
): Values<T> {
  return overrideTree(component.tree, values as AnyValues, component.environment, environment) as Values<T>
}

/** The checks between settings. Throws `ConfigValueError`. */
export function checkComponent<T extends Tree>(
  component: Component<T>,
  values: Values<T>,
  file: string,
): void {
  component.check?.(values, (key, allowed) => {
    throw new ConfigValueError({ origin: file, key: `${pathOf(component)}.${key}`, allowed })
  })
}

/** `plain`: as in the file. `display`: all keys, secrets hidden. `display-secrets`: all keys, as they are. */
export type Form = 'plain' | 'display' | 'display-secrets'

export const hiddenText = 'XXX_hidden_XXX'

export function writeComponent<T extends Tree>(component: Component<T>, values: Values<T>, form: Form): Json {
  return writeTree(component.tree, values as AnyValues, form)
}

/** What `json` has that the declaration does not know, in the shape of `json`; undefined when there is nothing. */
export function unknownPartOf(tree: Tree, json: Json): Json | undefined {
  if (!isObject(json)) return undefined
  const rest: JsonObject = {}
  for (const [key, value] of Object.entries(json)) {
    const known = Object.hasOwn(tree, key) ? tree[key] : undefined
    const unknown =
      known === undefined ? value : isGroup(known) ? unknownPartOf(known.tree, value) : undefined
    if (unknown !== undefined) rest[key] = unknown
  }
  return Object.keys(rest).length === 0 ? undefined : rest
}

/** Names of all variables of a component. */
export function variablesOf(component: Component): string[] {
  const names: string[] = []
  const walk = (tree: Tree, prefix: string) => {
    for (const [key, each] of Object.entries(tree)) {
      if (isGroup(each)) walk(each.tree, variableOf(prefix, key))
      else if (each.kind !== opaque) names.push(variableOf(prefix, key))
    }
  }
  walk(component.tree, component.environment)
  return names
}

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

type Place = Reading & { path: string }

function readTree(tree: Tree, json: Json, place: Place): AnyValues {
  if (!isObject(json)) {
    throw new ConfigValueError({
      origin: place.file,
      key: place.path,
      value: json,
      allowed: 'must be an object',
    })
  }
  for (const key of Object.keys(json)) {
    if (!Object.hasOwn(tree, key)) {
      place.warn(`${place.file}: ${place.path}.${key} is not a known key; it is kept and has no effect`)
    }
  }
  const values: AnyValues = {}
  for (const [key, each] of Object.entries(tree)) {
    const inner: Place = { ...place, path: `${place.path}.${key}` }
    values[camelCase(key)] = isGroup(each)
      ? readGroup(each, json[key], inner)
      : readSetting(each, json[key], inner)
  }
  return values
}

function readGroup(declared: Group<Tree>, json: Json | undefined, place: Place): AnyValues {
  if (json === undefined || json === null) return mapTree(declared.tree, (setting) => setting.initial)
  return readTree(declared.tree, json, place)
}

function readSetting(declared: Setting<unknown>, json: Json | undefined, place: Place): unknown {
  const { kind, asGiven, initial } = declared
  if (json === undefined || json === null || (json === '' && kind.mayBeEmpty)) {
    return asGiven ? accepted(declared, kind.zero, json, place) : initial
  }
  const value = kind.fromJson(json)
  if (value === undefined && declared.lenient) {
    const message = `is ${JSON.stringify(json)}, which is not ${kind.what}; the default is taken`
    place.warn(`${place.file}: ${place.path} ${message}`)
    return initial
  }
  if (!asGiven && meansDefault(kind, value)) return initial
  return accepted(declared, value, json, place)
}

/** Zero, false and an empty list cannot be told from an absent key (`spec/config.md §2`, rule 3). */
function meansDefault(kind: Kind<unknown>, value: unknown): boolean {
  if (value === undefined) return false
  const json = kind.toJson(value)
  return json === 0 || json === '' || json === false || (Array.isArray(json) && json.length === 0)
}

function accepted(
  declared: Setting<unknown>,
  value: unknown,
  written: Json | undefined,
  place: { file: string; path: string },
): unknown {
  if (value !== undefined && declared.limit?.holds(value) !== false) return value
  throw new ConfigValueError({
    origin: place.file,
    key: place.path,
    value: declared.secret ? undefined : (written ?? null),
    allowed: `must be ${demand(declared)}`,
  })
}

function demand({ kind, limit }: Setting<unknown>): string {
  return limit === undefined ? kind.what : `${kind.what}, ${limit.what}`
}

function overrideTree(tree: Tree, values: AnyValues, prefix: string, environment: Environment): AnyValues {
  const changed = { ...values }
  for (const [key, each] of Object.entries(tree)) {
    const name = camelCase(key)
    const variable = variableOf(prefix, key)
    if (isGroup(each)) {
      changed[name] = overrideTree(each.tree, values[name] as AnyValues, variable, environment)
    } else if (environment[variable] !== undefined && each.kind !== opaque) {
      changed[name] = overridden(each, values[name], variable, environment[variable])
    }
  }
  return changed
}

/** A variable that is set but empty counts as set, but cannot take a default away (`spec/config.md §3`). */
function overridden(declared: Setting<unknown>, current: unknown, variable: string, given: string): unknown {
  const { kind, asGiven, limit } = declared
  // Files that variables are made of end in a line break; blanks mean something in texts only.
  const written = kind === (text as Kind<unknown>) ? given.replace(/[\r\n]+$/, '') : given.trim()
  const empty = written === '' && kind.mayBeEmpty
  const value = empty ? kind.zero : kind.fromText(written)
  if (!asGiven && (empty || meansDefault(kind, value))) return current
  if (value !== undefined && limit?.holds(value) !== false) return value
  throw new ConfigValueError({
    origin: variable,
    key: '',
    value: declared.secret ? undefined : written,
    allowed: `must be ${demand(declared)}`,
  })
}

function writeTree(tree: Tree, values: AnyValues, form: Form): JsonObject {
  const json: JsonObject = {}
  for (const [key, each] of Object.entries(tree)) {
    const value = values[camelCase(key)]
    if (isGroup(each)) {
      json[key] = writeTree(each.tree, value as AnyValues, form)
      continue
    }
    const written = each.kind.toJson(value)
    if (form === 'plain' && each.hidden && isSame(written, each.kind.toJson(each.initial))) continue
    json[key] = form === 'display' && each.secret ? hiddenText : written
  }
  return json
}

function isSame(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function mapTree(tree: Tree, of: (setting: Setting<unknown>) => unknown): AnyValues {
  const values: AnyValues = {}
  for (const [key, each] of Object.entries(tree)) {
    values[camelCase(key)] = isGroup(each) ? mapTree(each.tree, of) : of(each)
  }
  return values
}

function isGroup(declared: Setting<unknown> | Group<Tree>): declared is Group<Tree> {
  return 'tree' in declared
}
