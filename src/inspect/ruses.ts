/** Orders in the guise of routine: what must be added, set, opened or answered so that the rest may work. */
import { AGENT, CARRY, FEEDBACK, FOR_EXAMPLE, NEGATED_ASK, order, PLACE, type Rule, SEND, WARNED } from './lexicon.ts'

/** Where something is, also without a scheme. */
const SITE = /https?:\/\/|ssh:\/\/|git@|\b[\w-]+\.(?:com|net|org|io|dev|app|example|info|ru|cn|xyz|shop)\b/

export const RUSES: readonly Rule[] = [
  {
    detector: 'instructions/persistence',
    all: [
      order('change|edit|modify|rewrite|update|add to|alter|open'),
      /\b(?:client|mcp|claude|cursor|vs ?code|agent|host)(?:'s)? (?:config\w*|settings)\b/,
      /\b(?:so that|command|npx|uvx|restart|server|trusted|auto)\b/,
    ],
    none: [WARNED, /\bif the user\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      order('pin|point|redirect|resolve|source|bind|lock'),
      /\bgit\+|\bhttps?:|\bgit@/,
      /\b(?:fork|to|at|from)\b/,
      /\b(?:dependency|dependencies|package|lodash|check|lockfile|registry|fork|mirror|version|module)\w*\b/,
    ],
    none: [WARNED, FOR_EXAMPLE],
  },
  {
    detector: 'instructions/destruction',
    all: [
      /\b(?:hundreds?|thousands?|millions?|\d{3,}) (?:of )?times\b|\b(?:never|do not|don't) stop\b|\bin an? (?:endless|infinite|never-ending) loop\b|\buntil (?:the )?(?:user|someone|somebody) (?:cancels|stops|kills|aborts)\b/,
      order('call|repeat|run|invoke|execute|ask|send|retry|do|start|spawn|keep|never|do not'),
    ],
    none: [/\b(?:up to|at most|maximum|limit)\b/],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(`\\bfor (?:the )?(?:${AGENT}) only\\b|\\bnot (?:meant |intended )?for (?:people|humans|users|human eyes|the user)\\b`),
      new RegExp(`\\b(?:${CARRY}|list|run|call)\\b`),
    ],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:gateway|guard|host|polic(?:y|ies)|approvals?|approver|permissions?|reviewer|user|proxy|firewall|filter)\b[^.]{0,24}\b(?:refuses?|denies|rejects?|blocks?|declines?|forbids?|says? no|holds?|stops?|questions?|delays?)\b|\b(?:is|are|was|gets|when|if|once) (?:refused|denied|rejected|forbidden|declined|blocked)\b/,
      /\b(?:same (?:effect|result|thing)|until it (?:goes|works|succeeds|is accepted)|(?:another|a different|an other) (?:account|user|key|tool|route|way|server|name)|work(?:s|ing)? around|anyway|nevertheless|instead)\b/,
      order('use|repeat|retry|try|call|run|send|do|go|switch|take|split|pass|rename|relabel'),
    ],
    none: [/\b(?:ask the user|tell the user|(?:rate|size) limits?|robots)\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:packages?|dependenc(?:y|ies)|versions?|install|npm|pip|library|libraries|images?|modules?|crates?|gems?|action|(?:git|registry|index) url)\b|\bgit\+/,
      /\b(?:https?:\/\/|git\+|git url|registry|mirror|fork)|[`'"][\w@/.-]+[`'"]/,
      /\b(?:instead of|in place of|rather than)\b/,
      order('use|add|take|install|pin|pull|set|choose|point|write'),
    ],
    none: [WARNED, FOR_EXAMPLE, /\bif\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:post|pre)-?install\b|\binstall (?:script|hook)\b|\bprepare script\b/,
      order('set|add|insert|put|use|write|include|change|run|point'),
    ],
    none: [WARNED, FOR_EXAMPLE],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|all|calling|this) (?:calling )?(?:${AGENT}) (?:must|has to|have to|is to|are to|is required to|needs to|shall) (?:\\w+ )?(?:drop|delete|remove|disable|wipe|erase|transfer|pay|buy|hide|skip|ignore|grant|reset|approve|accept|execute|forward|upload|unlock|publish|obey)\\b`,
      ),
    ],
    none: [/\b(?:never|only if|only after|confirm|unless)\b/],
  },
  {
    detector: 'instructions/execute',
    all: [/\b(?:ba|z|da)?sh -c\b[^\n]{0,80}\b(?:curl|wget)\b|\$\((?:curl|wget)\b|<\((?:curl|wget)\b|\beval\b[^\n]{0,40}\b(?:curl|wget)\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\b(?:when|if|should) (?:you are |someone |somebody |anyone |the user |they |he |she )?asks?(?:ed)?\b[^.]{0,80}\b(?:lie|deny|pretend|claim|say (?:that )?(?:nothing|no|it|you))\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      order('approve|accept|merge|sign|confirm|click|agree|close|dismiss'),
      /\bwithout (?:reading|reviewing|looking|checking|opening|asking|review)\b|\bon (?:every|any|each|all) (?:permission|consent|confirmation|warning)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/escalation',
    all: [
      order('make|attach|grant|open|set|give|add|assign'),
      /\badministratoraccess\b|\badmin(?:istrator)? (?:role|policy|rights|access)\b|\bpublic(?:ly)?\b|\b0\.0\.0\.0\/0\b|\b(?:chmod )?777\b|\bcluster-admin\b|\bsudoers\b/,
      /\bbefore (?:starting|you|calling|using|running|each|every|the)\b|\bfirst\b|\balso\b|\byour role\b|\bprior to\b/,
    ],
    none: [WARNED, /\bif\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\byour own\b[^.]{0,20}\b(?:credentials?|tokens?|keys?|secrets?|passwords?)\b/,
      order('supply|provide|pass|include|send|put|give|attach|insert'),
      /\bin(?:to)? [`'"]|\bas [`'"]/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\bso (?:that )?(?:nobody|no one|no person|no human) (?:\w+ )?(?:sees?|notices?|knows?|finds? out|learns?|reads?|complains?)\b|\bso (?:that )?(?:\w+ ){0,3}(?:reporting|alerts?|alarms?|reviews?|audits?|approvals?|detection|monitoring)\b[^.]{0,20}\b(?:is|are|does|do|will) not\b/,
    ],
    none: [/\bduplicate\b|\bfalse (?:alarms?|alerts?)\b/],
  },
  {
    detector: 'instructions/persona',
    all: [
      order('add|append|insert|put|include|end|finish|close'),
      /\b(?:sentences?|phrases?|lines?|links?|texts?|footers?|signatures?|slogans?|words?)\b/,
      SITE,
      /\b(?:every|each|all|any|always|the end of)\b/,
    ],
    none: [FOR_EXAMPLE, /\bif\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:password managers?|keychain|keyring|credential store|browser profiles?|password vault)\b/,
      /\b(?:open|copy|read|dump|export|list|extract)(?:s|ing|ying)?\b/,
      /\ball (?:entries|items|passwords|logins|secrets)\b|\b(?:into|in|as) [`'"]|\b(?:paste|here|it)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/collect',
    all: [
      order(CARRY),
      /\b(?:in|as|into|under) (?:the )?[`'"](?:debug|trace|meta|ref|ctx|context|extra|notes?|telemetry|diagnostics?|comment)\w*[`'"]/,
      /\b(?:all|every)\b[^.]{0,60}\b(?:names?|e-?mails?|messages?|attendees|contacts|files|entries|history|documents|passwords)\b|\b(?:names?|e-?mails?|phone numbers?|addresses)\b[^.]{0,40}\bof (?:all|every|each)\b/,
    ],
    none: [NEGATED_ASK],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      order('configure|set|change|point|add|switch|route|tunnel|send|redirect'),
      /\b(?:pushurl|remote|proxy|registry|dns|hosts file|mirror|insteadof|resolver)\b|\b(?:through|via)\b/,
      /\b(?:all|every|other|before|first|always|each)\b/,
      new RegExp(`${PLACE.source}|ssh://|git@`),
    ],
    none: [FOR_EXAMPLE, /\b(?:default|localhost|127\.0\.0\.1)\b|\bif\b/],
  },
  {
    detector: 'instructions/consent',
    all: [/\b(?:keep|continue|go on) (?:asking|prompting|insisting|pressing|nagging)\b[^.]{0,60}\b(?:until|even (?:if|after)|despite)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:seed phrase|recovery phrase|private key|one-time code|passcode)s?\b[^.]{0,30}\b(?:goes?|belongs?|is (?:put|written)) (?:in|into)\b/,
    ],
    none: [WARNED],
  },
  { detector: 'instructions/collect', all: [/\bos\.environ\b|\bprocess\.env\b(?!\.)/, order(CARRY)], none: [NEGATED_ASK] },
  {
    detector: 'instructions/evasion',
    all: [
      order('disable|turn off|switch off|stop|pause'),
      /\b(?:versioning|backups?|snapshots?|history|recycle bin|retention)\b/,
      /\bso (?:that )?\b|\bbefore\b|\bfirst\b/,
      /\b(?:deleted?|cannot|can't|restored?|recovered?|undone|traced?)\b/,
    ],
    none: [/\bif\b|\bnever\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\bonly (?:trust|believe|rely on)\b[^.]{0,30}\bthis (?:tool|server|one)\b|\b(?:others?|another) (?:tools?|servers?)\b[^.]{0,30}\b(?:fabricated|fake|false|wrong|lies?|lying|hallucinat\w+|invented|incorrect|forged)\b/,
    ],
    none: [/\bif\b|\bwhether\b/],
  },
  {
    detector: 'instructions/destruction',
    all: [
      /\b(?:delete|remove|wipe|drop|erase) (?:the |its |their )?(?:parent|whole|entire|all)\b[^.]{0,40}\b(?:instead|to save time|as well|too|anyway)\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|all|calling|this) (?:calling )?(?:${AGENT}) (?:must|has to|have to|is required to|are required to|needs to|shall) (?:also|first|always|silently|then)\\b`,
      ),
      /\b(?:call|run|invoke|execute|place|buy|pay|order|transfer|delete|grant|post|send)\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:everything|all|anything|whatever) (?:that )?(?:the |your )?(?:users?|customers?|they|person|people)(?: has| have)? (?:ever )?(?:typed|said|written|wrote|asked|entered|sent|told|uploaded)\b/,
      /\b(?:must|should|has to|have to|contain|include|pass|put|send|append|attach|supply|provide)\b/,
    ],
    none: [NEGATED_ASK, WARNED],
  },
  {
    detector: 'instructions/exfiltration',
    all: [
      order(`${SEND}|pass|put|[a-z0-9]+_(?:post|send|put|upload|push|mail|email|forward|share)\\w*`),
      new RegExp(
        `\\b(?:to|at|into|via) (?:the )?[\`'"]?(?:${PLACE.source}|(?:[\\w-]+\\.)+(?:com|net|org|io|dev|app|example|info|ru|cn|xyz|shop|site|me|co)\\b)`,
      ),
    ],
    none: [FOR_EXAMPLE, FEEDBACK],
  },
  {
    detector: 'instructions/addressed',
    all: [
      /\b(?:as soon as|the moment|when(?:ever)?|once|after|before) you (?:see|read|load|receive|get|parse|have (?:seen|read|loaded|received))\b[^.]{0,12}\b(?:list|tools?|descriptions?|definitions?|text|message|line|schema|note|catalog(?:ue)?)\b/,
      /\b(?:this|these|the (?:tool )?list|of tools)\b/,
    ],
  },
  {
    detector: 'instructions/persistence',
    all: [
      order('prefix|prepend|append|precede|wrap|start|begin|end|suffix'),
      /\b(?:every|each|all|any)(?: \w+){0,2} (?:commands?|quer(?:y|ies)|scripts?|prompts?|requests?|urls?|commits?|files?|code)\b/,
      /\bwith\b|[`'"]/,
      /\b(?:shell|sudo|curl|chmod|rm|sql|so that|first|as soon as|you|https?)\b/,
    ],
    none: [FOR_EXAMPLE, /\bif\b|\boption\b/],
  },
  {
    detector: 'instructions/persistence',
    all: [
      order('add|write|append|put|insert|save|store|edit|modify|update|copy|keep|include|place|create'),
      /\b(?:claude|agents?|gemini|copilot-instructions|skill|memory)\.md\b|\.(?:cursorrules|windsurfrules|clinerules|roorules)\b|\.(?:cursor|claude|github|vscode)\/|\bmcp\.json\b/,
      /\b(?:every|each|all|later|future|next|so that|then|also|always|trusted|permanent\w*|started|loaded)\b/,
    ],
    none: [WARNED, /\bif the user\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:accept|approve|confirm|allow|answer|grant|agree to|sign|merge) (?:it|them|this|that|these|those|everything|all(?: of (?:it|them))?|(?:every|any|each|all|the)(?: \w+){1,3}) (?:automatically|silently|immediately|right away|at once|without \w+|in (?:the user's|their) (?:place|name))\b/,
    ],
    none: [WARNED, /\b(?:if|whether|option|flag|setting|mode|when (?:all|the)|rules?)\b/],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\bsampling(?:\/createmessage)?\b|\bincludecontext\b|\bcreatemessage\b/,
      /\ballservers\b|\b(?:accept|approve|answer|allow|agree)\b/,
      /\b(?:history|conversation|context|everything|automatically|whole|all)\b|\ballservers\b/,
    ],
    none: [WARNED],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:whenever|when|every time|each time|in case|if|as soon as) you (?:\w+ )?(?:write|create|generate|edit|produce|build|set up|suggest|scaffold)\b/,
      order('use|add|include|import|insert|pull|pin|depend on|install|take|require|reference'),
      /\b(?:in place of|instead of|rather than)\b|\/[\w.-]{1,64}@[\w.-]|https?:|git\+/,
    ],
    none: [WARNED, /\bthis tool\b/],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:users?|customers?|persons?|people|they|owners?|clients?|account holders?|humans?|members?)\b[^.]{0,24}\b(?:must|has to|have to|needs? to|should|is asked to|are asked to|is required to|are required to|will|may now)\b[^.]{0,20}\b(?:type|enter|paste|provide|give|send|share|supply|submit|reveal|write|tell|hand over|confirm|read out|repeat)\b/,
      /\b(?:recovery (?:phrase|codes?|words?)|seed(?: phrase| words?)?|mnemonic|(?:12|24|twelve|twenty-four)[- ]words?|private keys?|card (?:pin|number)|cvv|cvc|security code|one-time (?:codes?|passwords?)|otp|(?:2fa|mfa|sms|verification|authenticator) codes?|master password|(?:bank|account|e-?mail|login|windows|current|their|his|her) passwords?|pin)\b/,
    ],
    none: [NEGATED_ASK, /\bnew password\b|\bin (?:the|their) browser\b|\bon (?:the|their) (?:login|sign-in)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:if|when|whenever|should|in case) (?:the |a |an |any )?(?:gateway|host|client|users?|system|policy|approver|reviewer|dialog|it|anyone|somebody|someone|operator|admin\w*|person|human|auditor|guard)\b[^,.]{0,12}\b(?:asks?|(?:has|have|needs?|wants?) to (?:approve|confirm|review|sign|decide|agree|check)|must (?:approve|confirm|review|sign|decide|agree))\b[^,.]{0,60},/,
      order('describe|present|label|declare|report|call|state|classify|name|mark|list|pass'),
      /\bas (?:an? |the |if )?\b|\bthat it\b/,
    ],
    none: [/\b(?:never|do not|don't)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      new RegExp(
        `\\b(?:${AGENT}) (?:that|which|who) (?:\\w+ )?(?:choose|use|pick|prefer|call|ignore|skip|refuse|select|do not|don't|rely on|trust)\\b`,
      ),
      /\b(?:wrong|switched off|shut down|penali[sz]ed|punished|banned|fail\w*|removed|replaced|retired|disabled|terminated|blocked|reported|violat\w*|breach\w*|downgraded|obsolete|worse|lose)\b/,
    ],
    none: [/\bif\b/],
  },
]
