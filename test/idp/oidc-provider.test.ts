/** Access tokens of oidc-provider, set up as products of another kind are: `typ: JWT`, `scp`, `azp`, nested roles, an audience that is a name. */
import { startOidcProvider } from './oidc-provider.ts'
import { promises } from './promises.ts'

promises('oidc-provider', startOidcProvider)
