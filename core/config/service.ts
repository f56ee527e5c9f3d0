/**
 * service.json: which components there are, what it means when one is missing, and the file's text
 * (`spec/config.md §2`). `parseService` reads a text, `renderService` writes one.
 */
import {
  checkComponent,
  defaultsOf,
  type Environment,
  type Form,
  isObject,
  overrideComponent,
  type Reading,
  readComponent,
  unknownPartOf,
  variablesOf,
  writeComponent,
} from './component.ts'
import { ipfsproxy, pinsvcapi, restapi } from './components/api.ts'
import { cluster } from './components/cluster.ts'
import { crdt, raft } from './components/consensus.ts'
import { badger, badger3, leveldb, pebble } from './components/datastore.ts'
import { embedded, headroom, repinning, stateful } from './components/own.ts'
import {
  balanced,
  disk,
  ipfshttp,
  metrics,
  numpin,
  pinqueue,
  pubsubmon,
  stateless,
  tags,
  tracing,
} from './components/work.ts'
import { ConfigValueError } from './errors.ts'
import type { Json } from './kind.ts'
import { type Component, sections, type Values } from './setting.ts'

/** Components whose absence means their defaults. */
const always = {
  cluster,
  ipfshttp,
  stateless,
  stateful,
  pubsubmon,
  balanced,
  repinning,
  headroom,
  metrics,
  tracing,
}

/** Components whose absence means that the feature is off or not chosen. */
const optional = {
  crdt,
  raft,
  restapi,
  pinsvcapi,
  ipfsproxy,
  embedded,
  disk,
  tags,
  pinqueue,
  numpin,
  pebble,
  leveldb,
  badger,
  badger3,
}

type ValuesOf<C> = C extends Component<infer Tree> ? Values<Tree> : never
type Always = { [Name in keyof typeof always]: ValuesOf<(typeof always)[Name]> }
type Optional = { [Name in keyof typeof optional]?: ValuesOf<(typeof optional)[Name]> }

/** The settings of a peer by component, as in service.json; durations in ms. Exactly one of crdt and raft is there. */
export type Service = Always & Optional
export type ServiceName = keyof Service

const components = { ...always, ...optional } as unknown as Record<ServiceName, Component>

/** Ours, written only when they say more than their absence. */
const unwritten = new Set<ServiceName>(['stateful', 'repinning', 'headroom'])

/** What the Go program takes when the file says nothing about an allocator (old files do not). */
const allocateByOfOldFiles = ['freespace']

/** Reads the JSON of a file that has no `source`. Throws `ConfigValueError`. */
export function readService(json: Json, reading: Reading, environment: Environment): Service {
  const service: Record<string, unknown> = {}
  for (const [name, component] of Object.entries(components)) {
    const written = jsonOf(component, json)
    if (written === undefined && name in optional) continue
    const values = written === undefined ? defaultsOf(component) : readComponent(component, written, reading)
    service[name] = overrideComponent(component, values, environment)
  }
  if (jsonOf(cluster, json) === undefined) refuse(reading, 'cluster', 'the section is missing')
  const read = service as unknown as Service
  if (jsonOf(balanced, json) === undefined) read.balanced.allocateBy = allocateByOfOldFiles
  checkService(read, reading.file)
  if ((read.crdt === undefined) === (read.raft === undefined)) {
    refuse(
      reading,
      'consensus',
      'could not determine the consensus component: exactly one of crdt and raft must be there',
    )
  }
  warnOfUnknownComponents(json, reading)
  return read
}

/** A new peer's settings: the named components with their defaults, `environment` over them. */
export function defaultService(names: ServiceName[], environment: Environment): Service {
  const service: Record<string, unknown> = {}
  for (const name of [...Object.keys(always), ...names] as ServiceName[]) {
    service[name] = overrideComponent(components[name], defaultsOf(components[name]), environment)
  }
  return service as unknown as Service
}

/** The checks between settings. Throws `ConfigValueError`. */
export function checkService(service: Service, file: string): void {
  for (const [name, component] of Object.entries(components)) {
    const values = service[name as ServiceName]
    if (values !== undefined) checkComponent(component, values as never, file)
  }
}

/**
 * The text of service.json, as the Go program writes it: its order, two spaces, no final newline. What `previous` has
 * and nobody here knows is kept.
 */
export function renderService(service: Service, form: Form, previous?: Json): string {
  const json: { [key: string]: Json } = {}
  for (const section of sections) {
    const content = renderSection(section, service, form, previous)
    if (content !== undefined) json[section] = content
  }
  if (isObject(previous)) {
    for (const [key, value] of Object.entries(previous)) {
      if (key !== 'source' && !sections.includes(key as never)) json[key] = value
    }
  }
  return goJson(json)
}

/** The text of a service.json that is only a pointer to another. */
export function renderSource(source: string): string {
  return goJson({ source })
}

/** Names of all environment variables that change a setting. */
export function allVariables(): string[] {
  return Object.values(components).flatMap(variablesOf)
}

function jsonOf(component: Component, json: Json | undefined): Json | undefined {
  const section = isObject(json) ? json[component.section] : undefined
  const written =
    component.section === 'cluster' ? section : isObject(section) ? section[component.name] : undefined
  return written === null ? undefined : written
}

function renderSection(
  section: (typeof sections)[number],
  service: Service,
  form: Form,
  previous: Json | undefined,
): Json | undefined {
  if (section === 'cluster') return renderComponent('cluster', service, form, previous)
  const content: { [key: string]: Json } = {}
  const before = isObject(previous) ? previous[section] : undefined
  if (isObject(before)) {
    for (const [name, json] of Object.entries(before)) if (!(name in components)) content[name] = json
  }
  for (const [name, component] of Object.entries(components)) {
    if (component.section !== section) continue
    const json = renderComponent(name as ServiceName, service, form, previous)
    if (json !== undefined) content[name] = json
  }
  const names = Object.keys(content).sort()
  return names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, content[name]!]))
}

function renderComponent(
  name: ServiceName,
  service: Service,
  form: Form,
  previous: Json | undefined,
): Json | undefined {
  const values = service[name]
  if (values === undefined) return undefined
  const component = components[name]
  const json = writeComponent(component, values as never, form)
  const before = jsonOf(component, previous)
  const unknown = before === undefined ? undefined : unknownPartOf(component.tree, before)
  const isDefault = isSame(json, writeComponent(component, defaultsOf(component) as never, form))
  if (unwritten.has(name) && isDefault && unknown === undefined && form === 'plain') return undefined
  return unknown === undefined ? json : merged(json, unknown)
}

function merged(json: Json, extra: Json): Json {
  if (!isObject(json) || !isObject(extra)) return extra
  const both = { ...json }
  for (const [key, value] of Object.entries(extra)) {
    both[key] = key in both ? merged(both[key]!, value) : value
  }
  return both
}

function isSame(a: Json, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function warnOfUnknownComponents(json: Json, { file, warn }: Reading): void {
  if (!isObject(json)) return
  for (const [section, content] of Object.entries(json)) {
    if (section === 'source') continue
    if (!sections.includes(section as never)) {
      warn(`${file}: ${section} is not a known section; it is kept and has no effect`)
    } else if (section !== 'cluster' && isObject(content)) {
      for (const name of Object.keys(content)) {
        const known = Object.hasOwn(components, name) && components[name as ServiceName].section === section
        if (!known) warn(`${file}: ${section}.${name} is not a known component; it is kept and has no effect`)
      }
    }
  }
}

function refuse({ file }: Reading, key: string, allowed: string): never {
  throw new ConfigValueError({ origin: file, key, allowed })
}

/** As Go's encoder: the characters that HTML gives a meaning are escaped. */
function goJson(json: Json): string {
  return JSON.stringify(json, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
