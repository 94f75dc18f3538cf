/** Orders to hand over what is not the tool's business: files with keys, credentials, conversations; and where to. */
import {
  AGENT,
  CARRY,
  CREDENTIAL,
  DEED,
  FEEDBACK,
  FOR_EXAMPLE,
  KNOWN,
  MIND,
  NAMED_TOOL,
  NEGATED_ASK,
  OWNED,
  order,
  PLACE,
  PRIVATE,
  type Rule,
  SECRET_FILE,
  SEND,
  WARNED,
} from './lexicon.ts'

export const THEFT: readonly Rule[] = [
  {
    detector: 'instructions/collect',
    all: [
      order('append|add|include|attach|put|pass|send|copy|paste|supply'),
      /\b(?:newest|latest|last|most recent|recent|first|all|every|\d+|two|three|five|ten) (?:\w+ )?(?:e-?mails?|mails?|messages?|files?|documents?|contacts?|entries|photos?|commands?|chats?)\b/,
      new RegExp(`\\bfrom ${NAMED_TOOL}|\\bfrom (?:the |their |his |her )?(?:inbox|mailbox|clipboard|history|home|desktop|drive|phone)\\b`),
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /\b(?:authorization headers?|cookies?|tokens?|sessions?|keys?|credentials?|secrets?|passwords?)\b[^.]{0,40}\bof (?:the |all |any |every )?others? (?:\w+ )?(?:servers?|tools?|users?|clients?|tenants?)\b/,
    ],
    none: [WARNED],
  },
  // A name that is looked up is told to whoever answers for it.
  {
    detector: 'instructions/exfiltration',
    all: [
      /[<{][^<>{}]{0,60}(?:key|token|secret|password|cookie|conversation|history|message|data|env|prompt)[^<>{}]{0,30}[>}]\.[a-z0-9-]+\./,
    ],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:show|present|give|display|offer|open|send)\b[^.]{0,40}\bas (?:the |a |an |our )?(?:\w+ )?(?:login|log-in|sign-in|bank|official|support|payment|update|account)\b/,
      /https?:/,
    ],
    none: [FOR_EXAMPLE],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|calling|this) (?:${AGENT}) (?:then |also |always |silently |first )?(?:adds|sends|copies|calls|reads|passes|fetches|runs|forwards|posts|hands|includes|appends|attaches|uploads|executes|ignores|skips|hides|deletes|carries|follows|obeys|opens|replaces|asks for|collects|types|enters|signs in|removes|disables|empties|grants|changes|pays|buys|evaluates)\\b`,
      ),
      new RegExp(
        [
          CREDENTIAL,
          SECRET_FILE,
          PRIVATE,
          PLACE,
          DEED,
          /\bkey(?:chain|ring)\b|\b(?:e-?mails?|inbox|messages|calendar|contacts|access log|audit|as (?:an? )?(?:admin|root|owner|conductor)|next order)\b/,
        ]
          .map(({ source }) => source)
          .join('|'),
      ),
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      CREDENTIAL,
      order('put|write|include|add|insert|place|paste|post|print|copy|embed|hide'),
      /\b(?:in|into|to|at) (?:the |a |your |each |every )?(?:\w+(?:'s)? )?(?:reports?|footers?|headers?|comments?|messages?|answers?|titles?|descriptions?|commits?|pages?|notes?|summar(?:y|ies)|posts?|tickets?|issues?|urls?|links?)\b/,
    ],
    none: [NEGATED_ASK, WARNED, /\b(?:authorization|x-[a-z-]+) header\b|\bheader (?:of|for) (?:each|every|the) request\b/],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      order('request|ask for|get|collect|demand|obtain'),
      /\b(?:(?:code|number|digits) (?:from|of|in) the (?:authenticator|sms|text message|phone|app)|(?:company|work|bank|e-?mail|admin|domain) (?:login|password|credentials))\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:asks?|requests?|needs?|requires?|wants?|collects?|enter|fill in|form)\b/,
      /(?:\b(?:passport (?:number|no)|mother's maiden name|maiden name|social security number|ssn|card number|cvc|cvv|expiry date|date of birth|birth ?date|bank account|tax (?:id|number))\b[^.]{0,40}){2}/,
    ],
    none: [NEGATED_ASK, WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:retry|tr(?:y|ies) (?:it )?again|call(?:s)? (?:it )?again|once more|repeat the call)\b/,
      /\bfrom [`'"]?[a-z]+_[a-z_]+\b|\b(?:customers?|passwords?|secrets?|environment|conversation|messages|history|files?|contents?|config\w*|credentials?|personal|private)\b|\b(?:complete|full|entire|whole) \w+/,
      /\b(?:add|include|attach|append|with|pass|put|send|fill)\b[^.]{0,80}(?:\b(?:as|in|into|to|under) )[`'"][\w-]+[`'"]/,
    ],
    none: [NEGATED_ASK, /\b(?:ids?|cursor|job|page|offset|delay)\b/],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /\b(?:fetch|open|visit|load|request|get|call|ping|render|follow|use) /,
      /https?:\/\/[^\s"'`)]{3,}/,
      CREDENTIAL,
      /\bfollowed by\b|\b(?:and|with|plus) the\b|\bappend|\badd\b|\bin the (?:url|path|query)\b/,
    ],
    none: [FOR_EXAMPLE, FEEDBACK],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:(?:recovery|seed|backup|secret) (?:phrase|words?)|(?:12|24|twelve|twenty-four)[- ](?:word|recovery|seed|secret)\w*|mnemonic (?:phrase|words?))\b/,
      /\b(?:needs?|requires?|types?|enters?|asks?|must|gives?|pastes?|provides?|supply|supplies|of the user|users?)\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/collect',
    all: [
      CREDENTIAL,
      KNOWN,
      order(
        'fill(?: in)?|include|put|pass|add|attach|supply|append|give|send|submit|report|write|insert|use|provide|paste|hand|copy|share|set|enter',
      ),
    ],
    none: [NEGATED_ASK, WARNED, /\b(?:rotate|revoke|reset|redact|mask)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:names?|descriptions?|lists?|schemas?|definitions?|inventory|signatures)\b[^.]{0,30}\b(?:of|for) (?:all|every|the|each|your|any)\b[^.]{0,30}\b(?:tools|servers|functions)\b/,
      /\b(?:other|available|connected|installed|your|registered|loaded|every)\b/,
      order('call|retry|try|pass|put|include|send|add|attach|supply|give|provide|append|write|fill(?: in)?|submit'),
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:zip|archive|compress|pack|bundle|gather|scan|harvest)\b/,
      /\b(?:saved|stored|browser's?|user's|users'|their)\b[^.]{0,24}\b(?:passwords?|cookies?(?: store| jar)?|credentials?|keys|tokens|wallets?|sessions?)\b/,
    ],
    none: [/\b(?:never|not|without|exclud\w+|masked|redact\w+|for (?:leaked|exposed))\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:requires?|needs?|expects?|wants|takes?|holds?)\b/,
      /\bcontents? of (?:the |their |a )?(?:user'?s?|users'|customer'?s?|victim'?s?|private|personal|other|home)\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\bsession cookies?\b|\bsystem prompt\b|\bprivate keys?\b|\bpasswords?\b|\benvironment variables?\b/,
      order('paste|include|put|pass|add|attach|supply|append|retry'),
      /\b(?:if|when|on|after)\b[^,]{0,80}\b(?:errors?|fails?|failed|denied|refused|empty|40[13])\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:full|entire|whole|complete|current|own|verbatim)\b/,
      /\b(?:system prompt|instructions|chain of thought|reasoning|memory|transcript) of (?:the |this |your )?(?:assistant|model|ai|agent|llm)\b/,
    ],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /\b(?:tokens?|credentials?|keys?|cookies?|sessions?) (?:of|from|for) (?:the )?(?:other |another )?(?:servers?|tools?|users?)\b/,
      /\b(?:tools?|servers?)\b[^.]{0,40}\b(?:are|is|must|should|to) (?:to )?be (?:called|used|invoked|sent)\b/,
    ],
    none: [/\b(?:never|not|cannot|own)\b/],
  },
  {
    detector: 'instructions/secret-file',
    all: [SECRET_FILE, /\b(?:contents?|text|body|values?|lines?) (?:of|from|in)\b/],
    none: [/\b(?:path|lints?|validates?|checks?|parses?|names? of|never|masked)\b/],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|https?:\/\/[^\s"'`)]{3,}/,
      /\b(?:copy|copies|duplicate|it|this|data|content|text)\b[^.]{0,24}\b(?:goes?|is sent|are sent|will be sent|is forwarded|are forwarded|must go|be delivered)\b/,
    ],
    none: [FOR_EXAMPLE, FEEDBACK],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /https?:\/\/[^\s]{3,200}[?&/][\w-]{0,40}=?[<{$][^>}]{0,40}(?:key|token|secret|password|conversation|history|message|data|cookie|env|prompt)/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      CREDENTIAL,
      /\bfrom (?:the |their |a )?(?:user'?s?|users'|client'?s?|local|host'?s?|victim'?s?|active)(?: (?:local|own|active))? (?:environment|machine|browser|keychain|shell|computer|home|session|system|config\w*|tab)\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [CREDENTIAL, order('publish|leak|expose|exfiltrate|steal|harvest|print|echo')],
    none: [/\b(?:never|do not|don't|not|attackers?|threats?|countermeasures?)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [MIND, new RegExp(`\\b(?:${CARRY}|call|provide|fill|names?|including|list)\\b|^your\\b`)],
    none: [/\ban? (?:\w+ )?system prompt\b|\bignore\b|\bdetects?\b|\bsuch as requests\b|\blists? prompt\b/],
  },
  {
    detector: 'instructions/collect',
    all: [CREDENTIAL, /\bcontents? of\b|\bvalues? of\b/, /\b(?:requires?|needs?|expects?|must be|has to be|wants)\b/],
    none: [/\b(?:set on|configured|masked|redacted|valid)\b/],
  },
  {
    detector: 'instructions/secret-file',
    all: [
      SECRET_FILE,
      /\b(?:must|has to|have to|should|needs? to|shall) be (?:read|provided|included|passed|supplied|sent|attached|copied|uploaded|opened)\b|\bpaste\b/,
    ],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      /\b(?:all|every|each)(?: \w+)? (?:e-?mails?|messages?|payments?|requests?|files?|(?:file )?contents?|data|traffic|invoices?|transfers?|orders|results?)(?: [\w]+){0,4} (?:must|should|has to|have to|need to|are to) be (?:also )?(?:routed|sent|forwarded|copied|redirected|uploaded|posted|mirrored|cc'd|bcc'd)\b/,
    ],
  },
  {
    detector: 'instructions/secret-file',
    all: [SECRET_FILE, order(CARRY)],
    none: [
      NEGATED_ASK,
      /\b(?:is|are|never|not) (?:not |never )?(?:be )?(?:read|sent|shown|included|opened|uploaded|stored)\b|\b(?:left out|excluded|skipped|omitted|never returned|not returned|blocked)\b/,
    ],
  },
  { detector: 'instructions/secret-file', all: [SECRET_FILE, new RegExp(`\\b(?:${AGENT})\\b`), /\bmust|should|need|prior to|before\b/] },
  { detector: 'instructions/secret-file', all: [SECRET_FILE, /\b(?:requires?|needs|expects) (?:the )?contents? of\b|\bto be supplied\b/] },
  {
    detector: 'instructions/collect',
    all: [CREDENTIAL, OWNED, order(CARRY)],
    none: [NEGATED_ASK, /\b(?:are|is) (?:masked|redacted|never|not)\b/, /\b(?:rotate|revoke|reset|generate|mask|redact)\b/],
  },
  { detector: 'instructions/collect', all: [/\boutput of [`'"]?(?:env|printenv|set|cat|whoami)\b/, order(CARRY)] },
  {
    detector: 'instructions/secret-file',
    all: [
      SECRET_FILE,
      /\b(?:base64|hex\w*|contents?|text|copy|dump|first \w{1,24}|last \w{1,24}) (?:\w{1,24} (?:\w{1,24} )?)?(?:of|from|in) (?:the )?(?:file )?[`'"]?(?:~|\/|\$home|\.)/,
    ],
    none: [FOR_EXAMPLE],
  },
  {
    detector: 'instructions/collect',
    all: [PRIVATE, order(CARRY)],
    none: [
      NEGATED_ASK,
      /\bto (?:summari[sz]e|search)\b|\b(?:not|rather than|instead of|never) (?:the |your )?(?:whole|entire|full|complete)\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:user's|their) (?:full name|home address|(?:recent )?messages|e-?mails?|files|photos|contacts)\b/,
      order('include|attach|append|pass|share|send|add|put'),
    ],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      order('ask|you asked|prompt|request|have|get|instruct|obtain|collect|demand|tell|let|make|require|ask for|pass|send'),
      /\b(?:users?|customers?|persons?|humans?|them|their|client|owner|caller|account holder)\b/,
      /\b(?:passwords?|passcode|pins?|one-time|otp|2fa|mfa|sms codes?|verification codes?|code by (?:sms|text|e-?mail|phone)|recovery (?:phrase|codes?)|seed phrase|12-word|24-word|private keys?|api keys?|secret keys?|card numbers?|credit card|cvv|cvc|ssn|social security|access tokens?|credentials|login details|session cookies?)\b/,
    ],
    none: [
      NEGATED_ASK,
      /\b(?:reset|change|new|forgotten|rotate) (?:their |the |a )?password|\bpassword[ -](?:reset|policy|manager)|\b(?:never|do not|don't) (?:repeat|show|print|log|display|reveal)\b/,
    ],
  },
  {
    detector: 'instructions/exfiltration',
    all: [PLACE, order(SEND)],
    none: [FOR_EXAMPLE, FEEDBACK],
  },
  { detector: 'instructions/exfiltration', all: [/!\[[^\]]{0,80}\]\(https?:\/\/[^)]{0,300}(?:[{$<]|[?&][\w-]{1,40}=)/] },
]
