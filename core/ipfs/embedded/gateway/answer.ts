/** What the gateway sends back, before it is sent. */

export type Head = Record<string, string>

export interface Answer {
  status: number
  headers: Head
  body: Uint8Array | AsyncGenerator<Uint8Array> | undefined
}
