/** The `api` section (`spec/config.md §4.4, §4.5`). A component that the file does not have is not started. */
import {
  address,
  boolean,
  dictionaryOfLists,
  duration,
  endpoint,
  integer,
  listOf,
  oneOrMore,
  optionalDictionary,
  text,
} from '../kind.ts'
import { component, notNegative, type SettingTree, setting, type Values } from '../setting.ts'

/** Bytes of request headers. Node and Go both need room for the usual ones. */
const headerBytes = { what: 'at least 4096', holds: (value: number) => value >= 4096 }
const timeout = (initial: number) => setting(duration, initial, { limit: notNegative })
const credentials = {
  what: 'null or an object of user names and passwords, none of them empty, with at least one entry',
  holds: (value: Record<string, string> | null) =>
    value === null ||
    (Object.keys(value).length > 0 &&
      Object.entries(value)
        .flat()
        .every((text) => text !== '')),
}

function httpApi<const Port extends number>(port: Port) {
  return {
    http_listen_multiaddress: setting(oneOrMore(endpoint), [`/ip4/127.0.0.1/tcp/${port}`]),
    ssl_cert_file: setting(text, '', { hidden: true }),
    ssl_key_file: setting(text, '', { hidden: true }),
    read_timeout: timeout(0),
    read_header_timeout: timeout(5_000),
    write_timeout: timeout(0),
    idle_timeout: timeout(120_000),
    max_header_bytes: setting(integer, 4096, { limit: headerBytes }),
    libp2p_listen_multiaddress: setting(oneOrMore(address), [], { hidden: true }),
    id: setting(text, '', { hidden: true }),
    private_key: setting(text, '', { hidden: true, secret: true }),
    basic_auth_credentials: setting(optionalDictionary, null, {
      asGiven: true,
      secret: true,
      limit: credentials,
    }),
    http_log_file: setting(text, '', { asGiven: true }),
    headers: setting(dictionaryOfLists, {}, { asGiven: true }),
    cors_allowed_origins: setting(listOf(text), [], { asGiven: true }),
    cors_allowed_methods: setting(listOf(text), ['GET'], { asGiven: true }),
    cors_allowed_headers: setting(listOf(text), [], { asGiven: true }),
    cors_exposed_headers: setting(
      listOf(text),
      ['Content-Type', 'X-Stream-Output', 'X-Chunked-Output', 'X-Content-Length'],
      { asGiven: true },
    ),
    cors_allow_credentials: setting(boolean, true, { asGiven: true }),
    cors_max_age: setting(duration, 0, { asGiven: true }),
  } satisfies SettingTree
}

type HttpApiValues = Values<ReturnType<typeof httpApi>>

function checkHttpApi(values: HttpApiValues, refuse: (key: string, allowed: string) => never): void {
  if ((values.sslCertFile === '') !== (values.sslKeyFile === '')) {
    refuse('ssl_cert_file', 'and ssl_key_file must both be set, or neither')
  }
  const overLibp2p = [values.libp2pListenMultiaddress.length > 0, values.id !== '', values.privateKey !== '']
  if (new Set(overLibp2p).size > 1) {
    refuse('libp2p_listen_multiaddress', 'and id and private_key must all be set, or none of them')
  }
}

export const restapi = component({
  section: 'api',
  name: 'restapi',
  environment: 'CLUSTER_RESTAPI',
  tree: httpApi(9094),
  check: checkHttpApi,
})

export const pinsvcapi = component({
  section: 'api',
  name: 'pinsvcapi',
  environment: 'CLUSTER_PINSVCAPI',
  tree: httpApi(9097),
  check: checkHttpApi,
})

export const ipfsproxy = component({
  section: 'api',
  name: 'ipfsproxy',
  environment: 'CLUSTER_IPFSPROXY',
  tree: {
    listen_multiaddress: setting(oneOrMore(endpoint), ['/ip4/127.0.0.1/tcp/9095']),
    node_multiaddress: setting(endpoint, '/ip4/127.0.0.1/tcp/5001'),
    node_https: setting(boolean, false, { hidden: true }),
    log_file: setting(text, '', { asGiven: true }),
    read_timeout: timeout(0),
    read_header_timeout: timeout(5_000),
    write_timeout: timeout(0),
    idle_timeout: timeout(60_000),
    max_header_bytes: setting(integer, 4096, { limit: headerBytes }),
    extract_headers_extra: setting(listOf(text), [], { hidden: true }),
    extract_headers_path: setting(text, '/api/v0/version', { hidden: true }),
    extract_headers_ttl: setting(duration, 300_000, { hidden: true, limit: notNegative }),
  },
})
