/** Credentials that are known by their form: a table of how each begins, and all of it. What issuers made recognisable we recognise. */

interface Shape {
  /** What it is, in the words of its issuer: told to the operator. */
  readonly rule: string
  /** All of it, from where it begins. */
  readonly whole: RegExp
}

/** Rows: rule, anchor, what follows. A body is as long as issuers make it at least; they have all lengthened theirs. */
const ROWS: readonly (readonly [rule: string, anchor: string, rest: string])[] = [
  ['aws-access-key', '(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9]|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)', '[A-Z0-9]{16}(?![A-Za-z0-9])'],
  ['password-hash', '\\$2[abxy]\\$[0-9]{2}\\$', '[A-Za-z0-9./]{53}'],
  ['password-hash', '\\$(?:1|5|6|7|y|gy|apr1)\\$', '(?:[A-Za-z0-9./=,]{1,64}\\$){1,2}[A-Za-z0-9./]{22,128}'],
  ['password-hash', '\\$argon2(?:id|i|d)\\$', '(?:v=[0-9]{1,3}\\$)?m=[0-9,tp=]{5,40}\\$[A-Za-z0-9+/]{8,128}\\$[A-Za-z0-9+/]{16,128}'],
  ['aws-session-token', '(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)', '[A-Za-z0-9+/]{60,}={0,2}'],
  ['aws-bedrock-key', 'ABSK', '[A-Za-z0-9+/]{100,}={0,2}'],
  ['github-token', 'gh[pousr]_', '[A-Za-z0-9_]{36,255}(?:\\.[A-Za-z0-9_-]+){0,2}'],
  ['github-token', 'github_pat_', '[A-Za-z0-9_]{40,255}'],
  ['gitlab-token', 'gl(?:pat|rt|rtr|dt|ptt|ft|soat|cbt|imt|agent|oas|ffct|wt)-', '[A-Za-z0-9_.-]{20,}'],
  ['gitlab-token', 'GR1348941', '[A-Za-z0-9_-]{20,}'],
  ['slack-token', 'xox[a-z](?:\\.xox[a-z])?-', '(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{10,}'],
  ['slack-token', 'xapp-', '[0-9]-[A-Za-z0-9]+-[0-9]+-[A-Za-z0-9]+'],
  ['slack-webhook', 'hooks\\.slack(?:-gov)?\\.com/', '(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}'],
  ['discord-webhook', 'discord(?:app)?\\.com/api/webhooks/', '[0-9]{15,20}/[A-Za-z0-9_-]{40,}'],
  ['teams-webhook', '\\.webhook\\.office\\.com/', 'webhookb2/[A-Za-z0-9@/-]{60,}'],
  ['stripe-key', '[sr]k_(?:live|test|prod)_', '[A-Za-z0-9]{16,255}'],
  ['webhook-secret', 'whsec_', '[A-Za-z0-9+/]{24,}={0,2}'],
  ['openai-key', 'sk-(?:proj|svcacct|admin|None|service)-', '[A-Za-z0-9_-]{20,}'],
  ['anthropic-key', 'sk-ant-', '[a-z0-9]{3,10}-[A-Za-z0-9_-]{20,}'],
  ['openrouter-key', 'sk-or-', 'v[0-9]-[a-f0-9]{32,}'],
  ['langfuse-key', 'sk-lf-', '[a-f0-9-]{32,}'],
  ['api-key', 'sk-', '[A-Za-z0-9]{32,}'],
  ['api-key', 'sk_', '[a-f0-9]{40,}'],
  ['google-api-key', 'AIza', '[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])'],
  ['google-oauth', 'ya29\\.', '[A-Za-z0-9_-]{20,}'],
  ['google-oauth', 'GOCSPX-', '[A-Za-z0-9_-]{24,}'],
  ['google-oauth', '1//0', '[A-Za-z0-9_-]{38,}'],
  ['npm-token', 'npm_', '[A-Za-z0-9]{36,}'],
  ['pypi-token', 'pypi-', 'AgE[A-Za-z0-9_-]{40,}'],
  ['rubygems-key', 'rubygems_', '[a-f0-9]{48}'],
  ['crates-token', 'cio', '(?=[A-Za-z]*[0-9])[A-Za-z0-9]{32}(?![A-Za-z0-9])'],
  ['nuget-key', 'oy2', '[a-z0-9]{43}(?![A-Za-z0-9])'],
  ['huggingface-token', 'hf_', '[A-Za-z0-9]{30,}'],
  ['huggingface-token', 'api_org_', '[A-Za-z0-9]{34}'],
  ['groq-key', 'gsk_', '[A-Za-z0-9]{40,}'],
  ['perplexity-key', 'pplx-', '[A-Za-z0-9]{40,}'],
  ['replicate-token', 'r8_', '[A-Za-z0-9]{37,}'],
  ['xai-key', 'xai-', '[A-Za-z0-9]{60,}'],
  ['pinecone-key', 'pcsk_', '[A-Za-z0-9_]{40,}'],
  ['tavily-key', 'tvly-', '(?:[a-z]+-)?[A-Za-z0-9]{28,}'],
  ['langsmith-key', 'lsv2_(?:pt|sk)_', '[a-f0-9]{32}_[a-f0-9]{10}'],
  ['nvidia-key', 'nvapi-', '[A-Za-z0-9_-]{60,}'],
  ['google-api-key', 'AQ\\.Ab', '[A-Za-z0-9_-]{40,}'],
  ['sourcegraph-token', 'sgp_', '(?:[a-f0-9]{16}_)?[a-f0-9]{40}'],
  ['segment-token', 'sgp_', '[A-Za-z0-9]{64}'],
  ['launchdarkly-key', '(?<![A-Za-z0-9])sdk-', '[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}'],
  ['jina-key', 'jina_', '[A-Za-z0-9_-]{40,}'],
  ['e2b-key', 'e2b_', '[a-f0-9]{40}'],
  ['together-key', 'tgp_v1_', '[A-Za-z0-9_-]{40,}'],
  ['contentful-token', 'CFPAT-', '[A-Za-z0-9_-]{40,}'],
  ['render-key', 'rnd_', '[A-Za-z0-9]{28,}'],
  ['shopify-token', 'shp(?:at|ca|pa|ss|tka)_', '[A-Za-z0-9]{32,64}'],
  ['digitalocean-token', 'do[opr]_v1_', '[a-f0-9]{64}'],
  ['notion-token', 'ntn_', '[A-Za-z0-9]{40,}'],
  ['notion-token', 'secret_', '(?=[A-Za-z]*[0-9])[A-Za-z0-9]{43}(?![A-Za-z0-9])'],
  ['linear-key', 'lin_(?:api|oauth|wh)_', '[A-Za-z0-9]{32,}'],
  ['figma-token', 'fig[dour]_', '[A-Za-z0-9_-]{36,}'],
  ['databricks-token', 'dapi', '[a-f0-9]{32}(?:-[0-9])?(?![A-Za-z0-9])'],
  ['docker-token', 'dckr_(?:pat|oat)_', '[A-Za-z0-9_-]{20,}'],
  ['vault-token', 'hv[sbr]\\.', '[A-Za-z0-9_-]{24,}'],
  ['terraform-token', '\\.atlasv1\\.', '[A-Za-z0-9_-]{60,}'],
  ['sendgrid-key', 'SG\\.', '[A-Za-z0-9_-]{16,32}\\.[A-Za-z0-9_-]{32,64}'],
  ['mailgun-key', 'key-', '[a-f0-9]{32}(?![A-Za-z0-9])'],
  ['mailchimp-key', '(?<![A-Za-z0-9])[a-f0-9]{32}-us', '[0-9]{1,2}(?![A-Za-z0-9])'],
  ['brevo-key', 'xkeysib-', '[a-f0-9]{64}-[A-Za-z0-9]{16}'],
  ['resend-key', 're_', '[A-Za-z0-9]{8}_[A-Za-z0-9]{20,}'],
  ['twilio-key', '(?<![A-Za-z0-9])SK', '[a-f0-9]{32}(?![A-Za-z0-9])'],
  ['telegram-token', '(?<![A-Za-z0-9])(?:bot)?[0-9]{8,10}:AA', '[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])'],
  ['discord-token', '(?<![A-Za-z0-9_-])[MNO][A-Za-z0-9_-]{23,27}\\.', '[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,45}(?![A-Za-z0-9_-])'],
  ['discord-token', 'mfa\\.', '[A-Za-z0-9_-]{80,}'],
  ['azure-secret', '(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.]{3}[0-9]Q~', '[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])'],
  ['grafana-token', 'glc_', '[A-Za-z0-9+/]{32,400}={0,2}'],
  ['grafana-token', 'glsa_', '[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}'],
  ['newrelic-key', 'NR(?:AK|II|AL|BR|SP)-', '[A-Za-z0-9_-]{27,}'],
  ['sentry-token', 'sntry[su]_', '[A-Za-z0-9+/=_-]{40,}'],
  ['dynatrace-token', 'dt0[a-z][0-9]{2}\\.', '[A-Z0-9]{24}\\.[A-Z0-9]{64}'],
  ['square-token', 'sq0(?:atp|csp|idp)-', '[A-Za-z0-9_-]{22,}'],
  ['square-token', 'EAA[A-Z]', '[A-Za-z0-9_-]{60}(?![A-Za-z0-9_-])'],
  ['facebook-token', 'EAA[A-Z]', '[A-Za-z0-9]{90,}'],
  ['twitter-token', 'A{20}', '[A-Za-z0-9%]{40,}'],
  ['postman-key', 'PMAK-', '[a-f0-9]{24}-[a-f0-9]{34}'],
  ['age-key', 'AGE-SECRET-KEY-1', '[A-Z0-9]{58}'],
  ['supabase-key', 'sb(?:p|_secret)_', '[A-Za-z0-9_-]{20,}'],
  ['planetscale-token', 'pscale_(?:tkn|pw|oauth)_', '[A-Za-z0-9_.-]{32,}'],
  ['atlassian-token', 'AT(?:ATT3|CTT3|BB)', '[A-Za-z0-9_-]{24,}(?:=[A-F0-9]{8})?'],
  ['doppler-token', 'dp\\.(?:pt|st|ct|sa|scim|audit)\\.', '(?:[a-z0-9_-]{2,35}\\.)?[A-Za-z0-9]{40,}'],
  ['fly-token', 'f[mo][12]_', '[A-Za-z0-9+/=_-]{43,}'],
  ['hubspot-token', '(?<![A-Za-z0-9])pat-(?:na|eu|ap)[0-9]-', '[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}'],
  ['vercel-token', 'vercel_blob_rw_', '[A-Za-z0-9]{16}_[A-Za-z0-9]{24,}'],
  ['dropbox-token', '(?<![A-Za-z0-9])sl\\.', '(?:u\\.)?[A-Za-z0-9_-]{130,}'],
  ['pulumi-token', 'pul-', '[a-f0-9]{40}'],
  ['artifactory-key', 'AKCp', '[A-Za-z0-9]{60,}'],
  ['airtable-token', '(?<![A-Za-z0-9])pat', '[A-Za-z0-9]{14}\\.[a-f0-9]{64}'],
  ['tailscale-key', 'tskey-', '[a-z]{2,20}-[A-Za-z0-9_]{8,40}(?:-[A-Za-z0-9_]{16,60})?'],
  ['onepassword-token', 'ops_eyJ', '[A-Za-z0-9+/]{100,}={0,2}'],
  ['netlify-token', 'nf[pcou]_', '[A-Za-z0-9]{36,}'],
  ['heroku-key', 'HRKU-', '(?:AA)?[A-Za-z0-9_-]{36,}'],
  ['posthog-key', 'ph[xs]_', '[A-Za-z0-9]{40,}'],
  ['firecrawl-key', 'fc-', '[a-f0-9]{32}(?![A-Za-z0-9])'],
  ['mapbox-token', 'sk\\.eyJ', '[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{20,}'],
  ['alibaba-key', 'LTAI', '[A-Za-z0-9]{16,24}(?![A-Za-z0-9])'],
  ['tencent-key', 'AKID', '[A-Za-z0-9]{32}(?![A-Za-z0-9])'],
  ['scaleway-key', 'SCW', '[A-Z0-9]{17}(?![A-Za-z0-9])'],
  ['easypost-key', 'EZ[AT]K', '[A-Za-z0-9]{54}'],
  ['shippo-token', 'shippo_(?:live|test)_', '[a-f0-9]{40}'],
  ['typeform-token', 'tfp_', '[A-Za-z0-9_.=-]{40,}'],
  ['sentry-dsn', 'https?://[a-f0-9]{32}(?::[a-f0-9]{32})?@', '[a-z0-9.-]*sentry\\.io/[0-9]+'],
  ['azure-signature', '[?&]sig=', '[A-Za-z0-9%+/]{40,}(?:=|%3[Dd])?'],
  ['jwt', 'eyJ', '[A-Za-z0-9_-]{8,}={0,2}\\.eyJ[A-Za-z0-9_-]{8,}={0,2}\\.[A-Za-z0-9_-]*={0,2}'],
  ['jwe', 'eyJ', '[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]*\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{16,}\\.[A-Za-z0-9_-]{16,}'],
]

export interface Shapes {
  /** Finds the next beginning; the group that matched says which. */
  readonly anchors: RegExp
  /** By group: what may begin so. */
  readonly groups: readonly (readonly Shape[])[]
}

/** @param keyPrefixes of this installation's own API keys: `mcp`. */
export function createShapes(keyPrefixes: readonly string[]): Shapes {
  const own = keyPrefixes.map(
    (prefix) => ['gateway-key', `${prefix}_`, '(?=[A-Za-z_-]*[0-9])(?=[a-z0-9_-]*[A-Z])[A-Za-z0-9_-]{30,}'] as const,
  )
  const groups = Map.groupBy([...own, ...ROWS], ([, anchor]) => anchor)
  return {
    anchors: new RegExp([...groups.keys()].map((anchor) => `(${anchor})`).join('|'), 'g'),
    groups: [...groups].map(([anchor, rows]) => rows.map(([rule, , rest]) => ({ rule, whole: new RegExp(anchor + rest, 'y') }))),
  }
}

/** What stands in documentation and templates in the place of a credential. */
const PLACEHOLDER =
  /example|placeholder|(?<![A-Za-z])your|your[-_]|x{4,}|\*{3,}|\.{3}|…|redacted|changeme|change-me|dummy|sample|123456789|abcdefgh|0{8,}|<|>|\$\{|\{\{|%s|insert|replace|to-?do|fix-?me|process\.env|os\.environ/i
/** Published by issuers, in their own documentation. */
const PUBLISHED = new Set([
  'sk_test_4eC39HqLyjWDarjtT1zdp7dc',
  'sk_test_BQokikJOvBiI2HlWgH4olfQ2',
  'SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c',
])

/** A text of the right form that is no credential: written for people to replace, or published. */
export function isPlaceholder(text: string): boolean {
  if (PLACEHOLDER.test(text) || PUBLISHED.has(text) || PUBLISHED.has(text.slice(text.lastIndexOf('.') + 1))) return true
  return new Set(text.slice(-16)).size <= 4
}
