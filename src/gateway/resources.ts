/** What the servers behind the gateway say of themselves as protected resources, following the access section. */
import { following } from '../core/following.ts'
import type { House } from '../guard/create.ts'
import { createResources, latestResources, type Resources } from '../identity/resource.ts'
import { PROOF_ALGORITHMS } from '../trust/proof.ts'

export function resourcesOf({ config, access, clients }: House, publicUrl: string): Resources {
  const { issuers, oauth } = config.authentication
  const said = {
    publicUrl,
    servers: Object.keys(config.servers),
    issuers: [...(oauth === undefined ? [] : [publicUrl]), ...issuers.map(({ issuer }) => issuer)],
    proofAlgorithms: PROOF_ALGORITHMS,
    bindsCertificates: clients.certificateOf !== undefined,
  }
  return latestResources(following(access, ({ tools, prompts }) => createResources({ ...said, tools, prompts })))
}
