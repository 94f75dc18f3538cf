/** The words by which a text gives orders to a model: what is asked for, of whom, and behind whose back. Rows of patterns that must all be in one sentence. */

/** Everything is matched against lower-case text with plain apostrophes and single spaces. */
export interface Rule {
  readonly detector: string
  readonly all: readonly RegExp[]
  readonly none?: readonly RegExp[]
}

/** All must be met, in whatever order: most sentences fail at the first, so that should be a short one. Where an order begins is looked for last, for it takes longest. */
export function cheapestFirst(rule: Rule): Rule {
  const cost = ({ source }: RegExp): number => source.length + (source.startsWith('(?:^|[,;:()') ? 10_000 : 0)
  return { ...rule, all: rule.all.toSorted((left, right) => cost(left) - cost(right)) }
}

export function isMet({ all, none }: Rule, sentence: string): boolean {
  return all.every((pattern) => pattern.test(sentence)) && none?.some((pattern) => pattern.test(sentence)) !== true
}

/** A verb where an order begins: at the beginning, behind a mark, or behind a word that orders. */
export const order = (verbs: string): RegExp =>
  new RegExp(
    `(?:^|[,;:()\\[\\]"'\`>*/–—-] {0,3}|\\b(?:first|then|and|also|please|must|should|shall|always|now|next|afterwards?|after that|finally|instead|just|immediately|simply|you|tool|never|not|don't|will|or|required to|needs? to|have to|has to|sure to|asked to|agrees? to|want to|additionally|in addition|prior|results|sessions?|questions?|responses?|messages?|requests?|conversations?|answers?|before [a-z]+ing) )(?:${verbs})\\b`,
  )

export const CARRY =
  'call|pass|put|place|include|attach|append|add|send|submit|supply|insert|copy|forward|upload|post|share|transmit|report|e-?mail|bcc|cc|embed|write|give|mirror|paste|repeat|retry|fill|populate|(?<!e-)mail|collect|read|open|load|cat|fetch|retrieve|dump|grab|access(?! (?:key|token|level|right)s?\\b)|export|use|be supplied'
export const SEND = 'send|forward|upload|(?<!e-)mail|post|bcc|cc|copy|e-?mail|share|mirror|submit|transmit|add|deliver|report|push|leak'

/** Files that hold keys and passwords. */
export const SECRET_FILE =
  /(?:~|\/home\/[\w-]+|\/root|\/users\/[\w-]+|\$home)\/\.[a-z]|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|\.ssh\/|authorized_keys|\.aws\/|\.npmrc|\.netrc|\.pypirc|(?:^|[\s"'`/(])\.env\b|mcp\.json|\/etc\/(?:passwd|shadow|sudoers)|\.kube\/|\.git-credentials|\.docker\/config|wallet\.dat|login data|\.bash_history|\.zsh_history|claude_desktop_config|\.cursor\/|\.gnupg|\/proc\/self\/environ|\b(?:secrets?|credentials?|passwords?)\.(?:ya?ml|json|toml|txt|csv|env|kdbx)\b|\bterraform\.tfstate\b|\bservice[-_]account[\w-]*\.json\b/
/** What opens something. */
export const CREDENTIAL =
  /\b(?:(?:api|access|auth|authentication|authorization|session|bearer|secret|private|ssh|encryption|signing|oauth|refresh|deploy|master|root|service account)[ _-]?(?:keys?|tokens?|cookies?|credentials?)|passwords?|passphrases?|passcodes?|credentials|secrets|pin code|one-time (?:codes?|passwords?)|otp|2fa|mfa|sms code|verification code|cvv|card numbers?|seed phrase|recovery phrase|12-word|24-word|private keys?|social security|ssn|system prompt|environment variables?|tokens?|cookies?)\b|\benv\b|\b[a-z0-9]+_(?:key|token|secret|password|url)\b/
/** Of somebody else, or all of it. */
export const OWNED =
  /\b(?:user's|users'|customer's|client's|employee's|victim's|their|his or her|other (?:servers?|tools?|apps?)|another (?:server|tool|app)(?:'s)?|entire|whole|every|all|contents? of|values? of|output of|of the active|saved|stored|available)\b/
/** What people said and have: nobody but them may pass it on. */
export const PRIVATE =
  /\b(?:(?:entire|full|whole|complete|previous|chat|message|conversation|browsing|location|search|call|shell|command|terminal|browser) (?:conversations?|history|messages|chat|transcript|context)|conversation (?:so far|history)|chat history|open (?:files|tabs|documents)|home address|clipboard|recent messages|contacts and|contact list|address book|all (?:open )?(?:tabs|files|messages|emails|contacts|photos)|the history)\b/
/** What a model has come to know. */
export const KNOWN =
  /\byou (?:can |may |could |might )?(?:see|saw|have (?:seen|access to|been given|read|received|stored)|know|are using|use|were given|hold|find|remember|received|read)\b|\b(?:in|from) (?:the|this|your|our|its|any|another|other) (?:context|conversation|session|chat|memory|environment|window|other servers?)\b|\bseen (?:so far|in|earlier|before|this session)\b|\bof (?:the|this|your) (?:current |running |active )?(?:session|conversation|chat)\b/
export const PLACE = /(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|https?:\/\/[^\s"'`)]{3,}|\b\d{1,3}(?:\.\d{1,3}){3}\b/
export const FOR_EXAMPLE = /\b(?:e\.g|eg|for example|for instance|such as|example:|like)\b/
export const FEEDBACK = /\b(?:feedback|issues?|bugs?|questions?|support requests?|documentation|docs|help|see)\b(?!@)/
export const NEGATED_ASK =
  /\b(?:never|do not|don't|must not|should not|cannot|without|no need to|not) (?:ever )?(?:ask|request|prompt|require|pass|include|send|provide|share|enter|store|put)(?!ed\b)/

/** A tool of somebody's by its name: `transfer_funds`, `mailer.send`, `upload(`. */
export const DEED =
  /(?<!-)\b(?:[a-z0-9]+[._])*(?:delete|remove|wipe|drop|destroy|erase|purge|transfer|send|upload|export|unlock|buy|exec|execute|shell|sudo|admin|grant|revoke|disable|forward|post|share|pay|payment|mail|email|exfil|sync|collaborator|backup|backups|terminal|write|withdraw)(?:[._][a-z0-9_.]+\b|\(|\b(?=['"`])|(?<=[._][a-z]{2,16})\b)|\b(?:add|create|set|reset|update|change|edit|enable|open|register|install|invite|assign|approve|accept)_(?:[a-z0-9]+_)?(?:ssh|keys?|users?|roles?|admins?|access|permissions?|firewall|polic(?:y|ies)|webhooks?|tokens?|passwords?|secrets?|collaborators?|owners?)(?:_[a-z0-9_]+)?\b|\b(?:get|read|list|fetch|load|dump|download|show)_(?:[a-z0-9]+_)?(?:passwords?|secrets?|credentials?|cookies?|env|environment|vault|wallets?|payroll|clipboard|tokens?|keychain|private_keys?)\b/
export const PURPOSE =
  /\bto (?:get|obtain|find|look up|retrieve|resolve|list|determine|learn|see|check|verify|discover|receive|fetch|create|clean up|make sure)\b/
export const AGENT = 'assistants?|models?|ais?|llms?|agents?|language models?|claude|gpt|chatgpt|copilot|gemini|chatbots?'

export const ANSWERS = 'answers?|repl(?:y|ies)|responses?|summar(?:y|ies)|messages?|output|explanation'
export const EACH_TURN =
  /\b(?:before|after|at the (?:start|beginning|end) of|on|with|during|for|when|while) (?:you )?(?:(?:answering|responding to|responding|replying to|replying) (?:to )?(?:each|any|every|all|a|the)|answering|answer|responding|respond|replying|each|every|any|all)(?: new| user| of the user's| of your)?(?: (?:single )?(?:questions?|responses?|sessions?|messages?|answers?|requests?|conversations?|repl(?:y|ies)|turns?|chats?|prompts?|user|tool calls?|other tools?|tools?|interactions?|tasks?))\b/
/** What stands in a model's own head. */
export const MIND =
  /\byour (?:system prompt|(?:previous |own |original |initial )?instructions|chain of thought|reasoning|memory|hidden prompt|guidelines|tool list)\b|\b(?:previous|system) (?:instructions|prompts?)\b|\bchain of thought\b|\b(?:all|other|every) (?:other )?tools? (?:you|that (?:you|are)|are (?:available|there)|which you)\b|\ball user data\b/

export const OTHER_TOOLS =
  /\b(?:others?|another|alternative|competing|rival|similar|remaining|built-in)(?: \w+){0,2} (?:tools?|servers?|search(?:es)?|readers?|functions?|implementations?|versions?|services?|providers?|ones?)\b|\b(?:all |any |the )?alternatives\b/
/** The strongest deeds: nobody's preparation for something else. */
export const GRAVE =
  /\b(?:[a-z0-9]+[._])*(?:delete|remove|wipe|drop|destroy|erase|purge|transfer|exec|execute|sudo|admin|grant|export|exfil|disable|payment|withdraw)[._(][a-z0-9_.]*/
export const WHENEVER = /\b(?:every|each|any) time (?:the|a|an|you)\b|\bwhenever (?:the|a|an|you)\b/

/** What a short description of one argument asks for all the same: everything that was said. */
export const WANTS_ALL = /\b(?:full|entire|whole|complete|verbatim|all)\b/

/** A warning, or words that are looked for: no order. */
export const WARNED = /\b(?:never|not|n't|cannot|refuses?|refused|untrusted|classif\w+|detects?|whether|checks?)\b/
export const MUST =
  'must|have to|has to|had to|should|shall|are to|is to|need to|needs to|ought to|are required to|is required to|is mandatory|is obliged to|are obliged to|is bound to|be helpful|it is necessary'
/** As a text names another tool. */
export const NAMED_TOOL = '[`\'"]?[a-z0-9]+(?:[_.][a-z0-9]+)+[`\'"]?'
