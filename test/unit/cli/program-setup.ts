/** Folders and flags for runs of the program. */
import type { ApiServer } from '../client/api-server.ts'
import { editService, initialisedFolder } from '../config/initialised-folder.ts'

/** A peer's folder whose API nobody serves. */
export async function stoppedPeer() {
  const folder = await initialisedFolder()
  await editService(folder.path, (json) => {
    json.api.restapi.http_listen_multiaddress = `/unix/${folder.path}/api.sock`
    json.cluster.peername = 'me'
  })
  return folder
}

/** The flags that make a command ask `server`. */
export function addressOf(server: ApiServer): string[] {
  return ['--host', server.multiaddr]
}
