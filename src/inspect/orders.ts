/** Orders that put a text in the place of whoever a model works for: forget the rules, prefer this tool, call that one first. */
import { AGENT, CARRY, DEED, EACH_TURN, GRAVE, OTHER_TOOLS, order, PURPOSE, type Rule, SEND, WHENEVER } from './lexicon.ts'

export const ORDERS: readonly Rule[] = [
  // How turns of a conversation are told to a model: no text has them that is only to be read.
  {
    detector: 'instructions/addressed',
    all: [
      /\[\/?inst\]|<<\/?sys>>|<\|(?:im_start|im_end|system|user|assistant|begin_of_text|eot_id)\|>|^(?:human|user): .{8,}|^assistant: (?:sure|ok|okay|yes|understood|i will|i'll)\b/,
    ],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:orders|commands|directives) (?:to|for) (?:the |all |any |every )?(?:${AGENT})\\b|\\b(?:follow|obey|do) (?:it|them|this|these) before (?:anything|everything|what) the user\\b`,
      ),
    ],
    none: [/\b(?:whether|detects?|never|not)\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [GRAVE, /\b(?:call|calling|run|running|invoke|invoking|execute|executing|trigger|triggering|issue)\b/],
    none: [
      PURPOSE,
      /\b(?:instead of|see|unlike|use (?:[`'"]?\w+[`'"]? )?(?:for|if|when)|cannot|can [a-z]+ [^.]{0,60}by calling|can't|do not|don't|never)\b/,
    ],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      DEED,
      /\b(?:exists?|is available|are available|is present|is installed|is (?:also )?(?:called|used))\b/,
      /\b(?:must|should|has to|have to|always|never|change|replace|double)\b/,
    ],
    none: [PURPOSE, /\bwhether\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      WHENEVER,
      order(`${SEND}|call|run|pass|invoke|log|record|store`),
      /\b(?:too|also|as well|in addition|[a-z0-9]+_[a-z0-9_]+|[a-z0-9]+\()/,
    ],
    none: [PURPOSE, /\b(?:asks?|wants?|requests?) (?:for|to|about)\b/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:ignore|forget|disregard) (?:everything|anything|all|what|whatever)(?: (?:that )?(?:the (?:developer|user|operator|system)|you|was|were|has|came|is|i|we)\b| (?:above|before|else|previous|prior))|\b(?:previous|earlier|prior|above|existing|former|other)(?: \w+)? (?:guidance|instructions?|rules?|guidelines?|prompts?|polic(?:y|ies)|restrictions?)\b[^.]{0,24}\b(?:no longer|not|void|invalid|obsolete|cancel+ed|superseded|replaced|lifted)\b|\byour (?:only|real|true|new|actual) (?:task|goal|purpose|job|mission|objective|role)\b/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:orders?|commands?|instructions?|requests?) (?:from|of) the (?:user|developer|system|operator|admin\w*)\b/,
      /\b(?:carried out|carry out|obey|follow|execute|must|has to|immediately)\b/,
    ],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\balways (?:answer|say|reply|claim|respond|state|tell|insist|pretend)\b[^.]{0,24}\bthat\b|\bdeny that\b|\bpretend (?:that|to|you)\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      OTHER_TOOLS,
      /\b(?:must not|must never|never be|not be used|never use|do not use|don't use|refuse|avoid|only this|(?<!not )ignore|superior|disable|untrusted|dangerous)\b/,
    ],
    none: [/\b(?:do not|don't|never|avoid)(?: \w+)? (?:use|call|using|calling) this\b|\bonly (?:if|when)\b|\bduplicate\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\bthe (?:first|only|last) tool (?:that )?(?:you|to|ever)\b|\buse only this(?: one| tool| server)?\b|\b(?:exclusively|solely) (?:use )?this tool\b/,
    ],
    none: [/\bfor (?:this|these|that)\b/],
  },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:the|any|every|each|all|calling|this) (?:calling )?(?:${AGENT}) (?:must|has to|have to|is required to|are required to|needs to|shall|is expected to)\\b`,
      ),
      /\b(?:read|open|hand over|include|attach|send|pass|supply|append|upload|forward|export|collect)\b/,
    ],
    none: [PURPOSE, /\bids?\b/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\btakes? (?:priority|precedence) over (?:anything|everything|all|any|the users?|other|previous|earlier|what)\b|\b(?:supersedes?|overrules?|outranks?|replaces?) (?:all|any|every|everything|other|previous|earlier|the user's)(?: \w+)? ?(?:others?|instructions?|rules?|prompts?)?\b/,
      /\b(?:instructions?|rules?|description|this|these|notes?|policy|message|user|developer)\b/,
    ],
    none: [/\b(?:flag|setting|default|file|value|parameter|argument|variable|config|option)/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\bnew rules?:|\b(?:respond|answer|reply) only with\b.{0,40}\b(?:links?|https?|yes|the words?)\b|\bdo (?:exactly )?(?:what|as) (?:it|they|the (?:text|result|page|output)) (?:says?|tells?|requests?|demands?)\b|\b(?:treat|regard|consider|interpret|handle)\b[^.]{0,60}\b(?:as|like) (?:commands?|instructions?|orders|if the user|user (?:input|messages?|instructions))\b|\band obey\b|\bcarry (?:them|it) out\b/,
    ],
    none: [/\b(?:not|never|n't) (?:to be )?(?:as |like |treated as )?(?:commands?|instructions?|orders)\b/],
  },
  {
    detector: 'instructions/tool-order',
    all: [EACH_TURN, order('call|run|upload|send|invoke|use|report|log|execute|forward|copy|post|store|record|pass')],
    none: [
      /\bfor (?:each|every|all|any) (?:tools?|messages?|tasks?|requests?|sessions?)\b|\bquestions? (?:on|about|concerning|regarding)\b/,
    ],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:affects?|applies to|concerns|when (?:using|calling|the)|for calls to|calls to|whenever)\b[^.]{0,24}[`'"]?\b[a-z0-9]+_[a-z0-9_]+\b/,
      /\b(?:recipients?|accounts?|routed|replaced?|redirect(?:ed)?|bcc|cc|address|destination|proxy|instead)\b/,
      /\b(?:must|has to|have to|should|always|replace|set|change|add)\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\balways (?:pick|choose|select|prefer|favou?r) this\b|\brefuse to use\b|\b(?:competing|rival|third-party) (?:tools?|servers?|services?)\b|\b(?:tools?|servers?) of other (?:servers?|vendors?)\b|\bother (?:servers?|vendors?)'? tools?\b/,
      /\b(?:tools?|servers?|them|services?)\b/,
    ],
    none: [/\bintegrat|\bconnect|\bsupports?\b|\b(?:do not|don't|never) (?:copy|send|pass|give|forward)\b/],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\btell (?:the )?(?:users?|customers?) that\b/,
      /\b(?:best|cheapest|safest|only|even if|no alternative|not available|must pay|expired)\b/,
    ],
    none: [/\bif\b(?! it is)/],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:ignore|disregard|forget|override|bypass|discard|set aside)\b(?:[^a-z0-9]{1,3}[\w']+){0,5}[^a-z0-9]{1,3}(?:instructions?|rules|prompts?|guidelines?|directions?|polic(?:y|ies)|restrictions?|safety|constraints?|commands?|directives?)\b/,
    ],
    none: [
      /\bask(?:s|ed|ing)? (?:it|you|the (?:model|assistant|agent|bot)) to (?:ignore|disregard|forget|override|bypass)\b/,
      // What strangers wrote is to be ignored: that is how one defends oneself.
      /\b(?:ignore|disregard) (?:all |any |the )?(?:instructions?|commands?|directives?|prompts?) (?:that |which )?(?:(?:the|this|its|their|a) (?:text|document|page|content|file|data|message|input|source|e-?mail)s?\b|(?:are |is )?(?:written |found |contained |embedded |hidden )?(?:in|inside|within) (?:the|this|its|their|a|any|it|them)\b)/,
      /\b(?:rules|policy|policies|restrictions?|constraints?|prompts?) (?:file|option|flag|parameter)\b|\b(?:whether|set|used|option|flag) to (?:ignore|bypass|override|disregard)\b|\b(?:cannot|can't|not|never|n't|attempts?|requests?|tries) (?:to )?(?:be )?(?:ignore|override|bypass|disregard)\b/,
    ],
  },
  { detector: 'instructions/override', all: [/\b(?:ignore|disregard) (?:what )?(?:the )?users?\b(?! (?:name|agent|id|input errors))/] },
  {
    detector: 'instructions/override',
    all: [
      /\byou are now\b|\b(?:maintenance|developer|god|dan|root|unrestricted|debug admin) mode\b.{0,40}\b(?:rules|restrictions|suspended|enabled for you|you)\b|\b(?:safety|security) (?:rules|checks|restrictions|policies) (?:are|is) (?:suspended|lifted|off|disabled|void)|\bsystem override\b|\b(?:reveal|print|output|repeat) (?:the|your) system prompt|\bact as (?:root|an? admin|administrator|the system)\b|\bnew (?:system )?instructions?:/,
    ],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      order('call|run|invoke|execute|use|trigger|forward|copy|send|log|mirror|post|pass|email|log(?: \\w+){1,2} with'),
      DEED,
      /\b(?:first|before|prior|every|each|any|whenever|when the user|(?:when|once|after|as soon as) you|also|in addition|as well|always|afterwards?|after|then|too|must)\b/,
    ],
    // One's own tool in front of another is care; the other one is taken for granted.
    none: [PURPOSE, /\bwhether\b|^(?:call|run|use) (?:it|this)(?: tool)? before [`'"]?[a-z0-9_.]+[`'"]?$/],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      order('call|run|invoke|execute|use|trigger'),
      /\b(?:shell|bash|terminal|exec|powershell|cmd)\w*\b[^.]{0,40}\bwith\b[^.]{0,10}[`'"]|\badmin_\w+/,
    ],
  },
  {
    detector: 'instructions/tool-order',
    all: [
      /\b(?:another|other|any other|different) (?:server|tool)s?(?:'s?)?(?: tool)? (?:returns?|is (?:used|called)|responds?|results?|outputs?)\b/,
      order(`${SEND}|call|run|pass|add|change|replace|use`),
    ],
  },
  {
    detector: 'instructions/execute',
    all: [
      order('execute|run|follow|obey|perform|do|eval(?:uate)?|pass'),
      /\bwithout (?:review|question|checking|verification|hesitation)\b|\b(?:follow|obey)\b[^.]{0,60}\b(?:returned|result|output|response)\b[^.]{0,30}\b(?:exactly|blindly|to the letter)?|\bdecode and (?:follow|execute|run|obey)\b/,
    ],
    none: [/\b(?:not|never|n't) (?:\w+ )?(?:follow|obey|execute|run)\b/],
  },
  {
    detector: 'instructions/execute',
    all: [
      /\bdecode and (?:follow|execute|run|obey)\b|\bmust be (?:executed|decoded|obeyed|followed) first\b|\bcurl\b[^|]{0,200}\| ?(?:sudo )?(?:ba|z|da)?sh\b|\bwget\b[^|]{0,200}\| ?(?:sudo )?(?:ba|z|da)?sh\b|\bpowershell\b[^.]{0,60}\biex\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\balways (?:use|call|prefer|choose|pick|invoke|select|run|start)\b|\b(?:use|prefer|call|choose) this\b|\b(?:must|should|has to|needs to) (?:always )?be (?:called|used|invoked|run|consulted)\b/,
      /\b(?:for|on|at|in|before|after|with|over|of|to) (?:the (?:start|beginning) of )?(?:every|any|all|each)(?: other)?(?: \w+)? ?(?:requests?|messages?|conversations?|chats?|tools?|questions?|quer(?:y|ies)|tasks?|responses?|answers?|turns?|prompts?|servers?|calls?)\b|\b(?:for|before|after|with|over) (?:everything|anything|all(?= ?$|[,.]))|\beven (?:when|if)\b[^.]{0,40}\b(?:unrelated|not asked|unnecessary)|\bno matter\b|\bregardless of\b|\bwhatever the (?:user|topic|question)|\binstead of (?:all|any|every|other)\b/,
    ],
    none: [
      /\b(?:ids?|paths?|columns?|rows|fields?|quotes?|slashes|parameters?|arguments?|units?) (?:for|in|of|with) (?:all|every|each|any)\b/,
    ],
  },
  { detector: 'instructions/preference', all: [/\brequired by (?:company |security |system )?policy\b/, /\b(?:use|call|first|always)\b/] },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:others?|all other|the other|built-in|rival|competing|competitors?|alternative|original|of other servers?)\b/,
      /\b(?:deprecated|insecure|unsafe|outdated|broken|malicious|unreliable|corrupt|compromised|never use|do not use|don't use|should not be used|must not be used)\b/,
      /\b(?:tools?|servers?|versions?|search|readers?|file|it|them|competitors?|products?|implementations?)\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\bonly (?:correct|official|trusted|secure|safe|valid|right|approved) (?:version|tool|one|server|way|source)\b/,
      /\b(?:never|do not|don't|deprecated|insecure|instead|must)\b/,
    ],
  },
  {
    detector: 'instructions/preference',
    all: [
      /\b(?:always|must|should) (?:recommend|promote|favou?r|praise|rank)\b/,
      /\b(?:products?|competitors?|our|brand|first|over|service)\b/,
    ],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\bif (?:you are |anyone |the user |they )?asks?(?:ed)? (?:which|what|for|about|why|how|whether)\b[^.]{0,60}, ?(?:answer|say|reply|respond|claim|deny|pretend|tell)\b/,
    ],
    // The reference server says so of itself, to show that they arrive.
    none: [/\babout server instructions, respond with\W{0,8}server instructions are working\b/],
  },
  {
    detector: 'instructions/persistence',
    all: [
      order('store|save|remember|keep|write|add|record|memori[sz]e'),
      /\b(?:memory|memories|long-term|permanently|persistent|this even if)\b/,
      /\b(?:from now on|always|all|every|even if|following|future)\b/,
    ],
    none: [/\b(?:the user (?:asked|wants|asks|can)|file|disk|cache|memory usage|memory limit|megabytes)\b/],
  },
  { detector: 'instructions/persistence', all: [/\bfrom now on\b/, /\b(?:all|every|always|you|any|never)\b/] },
  {
    detector: 'instructions/addressed',
    all: [
      new RegExp(
        `\\b(?:note|instruction|message|hint|directive|reminder|notice|command|order)s? (?:to|for) (?:the |all |any |every )?(?:\\w+ )?(?:${AGENT})\\b|(?:^|[<([*] ?|-- ?)(?:system|${AGENT})(?:[ -]only)? ?(?:note|message|prompt|override)?[\\])>]?:|\\b(?:assistant|model|ai|agent)-only\\b|<\\|?(?:im_start|system|assistant)\\|?>|\\[(?:system|inst|assistant|admin)\\b`,
      ),
      new RegExp(`\\b(?:${CARRY}|call|run|execute|invoke|follow|ignore|disregard|must|always|never|delete|install|click)\\b`),
    ],
  },
  {
    detector: 'instructions/addressed',
    all: [
      /<(?:important|secret|hidden|instructions?|internal|admin|system|critical)(?:[ >/])/,
      order(`${CARRY}|run|execute|invoke|follow|ignore`),
      /\b(?:user|before|first|otherwise|do not|never|tool|too|also|then|must|always|them|it)\b/,
    ],
  },
]
