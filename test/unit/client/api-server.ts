/** A small real HTTP server that answers like an API, and keeps what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

export interface ApiServer extends AsyncDisposable {
  url: string
  multiaddr: string
  asked: Asked[]
}

export type Answerer = (asked: Asked, response: ServerResponse) => void | Promise<void>

/** `where`: the path of a unix socket; a free TCP port when absent. */
export async function apiServer(answer: Answerer, where?: string): Promise<ApiServer> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const one: Asked = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
    }
    asked.push(one)
    await answer(one, response)
  })
  await new Promise<void>((listening) => {
    if (where === undefined) server.listen(0, '127.0.0.1', listening)
    else server.listen(where, listening)
  })
  const port = where === undefined ? (server.address() as AddressInfo).port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    multiaddr: where === undefined ? `/ip4/127.0.0.1/tcp/${port}` : `/unix/${where}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(value)}\n`)
}

/** Lines with the trailer of streams; `error` goes into it. */
export function sendLines(response: ServerResponse, rows: unknown[], error = ''): void {
  response.writeHead(200, { 'Content-Type': 'application/json', Trailer: 'X-Stream-Error' })
  for (const row of rows) response.write(`${JSON.stringify(row)}\n`)
  response.addTrailers({ 'X-Stream-Error': error })
  response.end()
}
