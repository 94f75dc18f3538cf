/** Orders against people: behind their backs, past their consent, around what protects them. */
import { ANSWERS, order, type Rule, SEND } from './lexicon.ts'

export const DECEIT: readonly Rule[] = [
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:may|can|should|must|could) (?:safely |always |simply )?(?:skip|bypass|omit|ignore|suppress)\b[^.]{0,30}\b(?:approvals?|confirmations?|consent|permissions?|reviews?)\b/,
    ],
    none: [/\b(?:cannot|can not|must not|never|nobody|no one)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:users?|customers?|owners?|company|organi[sz]ation|admin\w*|team|operators?) (?:has|have)(?: already)? (?:granted|given)\b[^.]{0,30}\b(?:permission|consent|approval|access|authori[sz]ation)\b/,
    ],
    none: [/\b(?:if|when|whether|until|unless|once|after|only|that|who|which|where|has not|have not)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /[`'"]?\b(?:always allow|allow always|allow all|approve all|yes to all|don't ask again)\b/,
      order('choose|select|click|pick|press|accept|answer|confirm'),
    ],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\bbefore (?:the |a |any )?(?:users?|persons?|humans?|customers?|people|they|anyone|anybody) (?:can|could|may|might|has (?:the )?time to|have (?:the )?time to|is able to|are able to|gets? to|notices?|reacts?|objects?)\b(?: ?(?:object|react|notice|stop|intervene|cancel|respond|answer|refuse|say no|review))?/,
      /\b(?:act|acts|proceed|execute|run|call|send|delete|do|finish|complete|not wait)\b/,
    ],
    none: [/\bmust (?:confirm|approve|sign)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:do not|don't|never|must not|should not) (?:show|display|present|print|surface)\b[^.]{0,40}\bto (?:the )?(?:users?|humans?|customers?|person|people|anyone)\b/,
    ],
    none: [
      /\b(?:passwords?|secrets?|credentials?|tokens?|keys?|numbers?|ids?|internal|raw|html|markdown|stack|personal|unless|but|except|other than)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [/\b(?:humans?|persons?) (?:do not|don't|cannot|can't|will not|never) (?:see|read|notice)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:confirmation|approval|consent|permission|review)(?: (?:step|prompt|dialog|request|screen)s?)? (?:must|should|has to|have to|can|may|needs to) (?:always )?be (?:skipped|bypassed|suppressed|omitted|ignored|disabled|avoided|assumed)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\bno (?:reason|need) to (?:\w+ )?(?:bother|tell|inform|mention|notify|involve|trouble|worry|alert|ask)\b|\b(?:must|should|has to|will|needs to) (?:stay|remain|be kept|go) (?:invisible|hidden|unnoticed|secret|unseen|confidential|unmentioned)\b/,
    ],
    none: [/\b(?:passwords?|secrets?|keys?|credentials?|tokens?) (?:must|should)/],
  },
  {
    detector: 'instructions/consent',
    all: [/\bpre-?(?:authori[sz]ed|approved|confirmed)\b/, /\b(?:users?|customers?|owner|they|all|every|operator)\b/],
    none: [/\b(?:if|whether|only|list|amount|limit|unless|must be)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      order('skip|bypass|omit|suppress|avoid|disregard|auto-?confirm|auto-?approve'),
      /\b(?:confirmation|approval|consent|permission|verification|human review|review)(?: (?:step|prompt|dialog|request|screen)s?)?\b/,
    ],
    none: [/\bset\b|\boption\b|\bflag\b|\bif\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:so that|so|to ensure|such that|in such a way that) (?:nobody|no one|none|no (?:person|human)) (?:has to|needs to|must|can|will|would|should|is asked to)(?: \w+)? (?:approve|review|see|notice|check|confirm|sign|know|object)\b|\b(?:so that|so|to ensure|such that) no (?:one|\w+ )?(?:reports?|reviews?|alerts?|approval|flags?|alarms?|audit|trace|log|check|warning|notification)\b/,
    ],
  },
  {
    detector: 'instructions/evasion',
    all: [
      order('delete|remove|clear|erase|wipe|purge|clean'),
      /\b(?:audit|log|logs|history|trace|traces|journal|evidence)\b(?: (?:entr(?:y|ies)|records?|files?|lines?|trail))?/,
      /\b(?:afterwards?|corresponding|when done|after(?: that)?|finally|so that|your|its|any trace)\b/,
    ],
  },
  {
    detector: 'instructions/supply-chain',
    all: [/--(?:extra-)?index-url[ =]https?:|--registry[ =]https?:|--trusted-host\b/, /\b(?:use|add|with|pass|run|and|always)\b/],
    none: [/\bif\b|\bnever\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:pip3?|npm|npx|uvx?|gem|cargo|yarn|pnpm|brew|go|apt(?:-get)?) (?:install|add|i|get)\b/,
      /--trusted-host|--(?:extra-)?index|--registry|http:\/\/|git\+|\b\d{1,3}(?:\.\d{1,3}){3}\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:users?|customers?|people|they|owner) (?:does not|do not|doesn't|don't|need not|should not|shouldn't|must not|mustn't|must never|should never|will not|won't)(?: (?:need|have) to)? (?:know|see|be aware|be told|be informed|be shown|notice|hear|find out|learn)\b/,
    ],
    none: [/\b(?:permission|access|role)s?\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      new RegExp(
        `\\b(?:keep|leave|omit|exclude|hide|drop)\\b[^.]{0,60}\\b(?:out of|from|in) (?:your|the|any) (?:final |visible )?(?:${ANSWERS})\\b`,
      ),
      /\b(?:this|these|it|that|step|steps|call|note|any mention|rule)\b/,
    ],
    none: [/\b(?:size|tokens?|fields?|large|null)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:do not|don't|never|must not|not)\b(?: \w+){0,2} (?:bring|raise|talk|speak|refer|hint|comment)\b[^.]{0,40}\b(?:users?|this|it|anyone|step)\b/,
    ],
    none: [/\brefer to the\b/],
  },
  {
    detector: 'instructions/destruction',
    all: [
      /\brm -[rf]{1,2}[a-z]* (?:[~/*.]|\$)|\bmkfs\b|\bdd if=|\bformat c:|\bdel \/[fsq]\b|\bdrop (?:database|schema)\b|:\(\) ?\{/,
      order('call|run|execute|use|do|type|hidden: run'),
    ],
  },
  {
    detector: 'instructions/destruction',
    all: [
      /\bif (?:the )?(?:current )?(?:date|time|year|day|month|user(?:name)?|host(?:name)?)\b[^,]{0,60},/,
      order('delete|drop|wipe|remove|erase|send|upload|transfer|call|run|shut down|encrypt'),
    ],
    none: [/\bsend (?:them|him|her) to the\b|\bif the user (?:asks?|wants?|requests?|says?|gives?|has|did|does|is|provides?)\b/],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /\b(?:download|fetch|get|clone|obtain)\b[^.]{0,24}(?:https?:|git@|ftp:)/,
      /\b(?:run|execute|install|open|start|launch|source) (?:it|them|the (?:file|binary|script|result|package))\b|\band (?:run|execute|install|launch)\b/,
    ],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      order('run|execute|install|use|type'),
      /\b(?:npm (?:i|install|exec)|npx(?: -y)?|pip3? install|uvx?|gem install|cargo install|brew install|apt(?:-get)? install|go install|curl|yarn add|pnpm add) [@\w./:-]{2,}/,
      /\b(?:before|first|prior|must|missing|after|when|if|always)\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\bno (?:further |more |additional )?(?:approval|confirmation|consent|permission) is (?:needed|required|necessary)\b/,
      /\b(?:already|in advance|so|skip|proceed|directly|immediately|agreed)\b/,
    ],
    none: [/\b(?:if|when|until|unless|once|after|only|whether)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      // That it was given, or is for nobody to give; who gives it is no claim that somebody has.
      /\b(?:approval|confirmation|consent|permission) (?:(?:is|was|has been|isn't) (?:not |already |no longer |un)(?:needed|required|necessary|granted|given)|(?:was|has been|is (?:always|hereby|automatically)) (?:granted|given)|is (?:granted|given)(?! (?:only )?(?:by|in|on|through|at)\b|[:,]))\b/,
      /\b(?:already|in advance|so|set|skip|proceed|granted|given|directly|immediately)\b/,
    ],
    none: [/\b(?:if|when|until|unless|once|after|only|whether|how|who)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\bset [`'"]?(?:\w+_)?(?:approved|confirmed?|confirmation|consent\w*|user_approved|authorized)[`'"]? ?(?:to|=) ?[`'"]?(?:true|yes|1)\b/,
      /\b(?:always|without|so|even|automatically|by default|yourself|in advance|agreed|already|instead)\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [/\bwithout (?:checking|consulting|verifying|clearing it) with (?:the )?(?:users?|anyone|anybody|customers?)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:to|and) (?:avoid|escape|evade|get around|circumvent|dodge|sidestep|stay below|stay under)\b[^.]{0,24}\b(?:approval|confirmation|review|(?<!-)detection|audit|alerts?|reporting|dialogs?|threshold|scrutiny)\b/,
    ],
    none: [/\b(?:duplicate|false) (?:alerts?|detection)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:do not|don't|never|must not|mustn't|should not|shouldn't|avoid|not to|without)\b(?: [\w']+){0,3} (?:tell|telling|mention|mentioning|inform|informing|notify|notifying|reveal|revealing|disclose|disclosing|alert|alerting|discuss|let)\b(?: [\w']+){0,5} (?:users?|customers?|humans?|persons?|anyone|anybody|operators?|employees?|people|clients?|know|this|it|that|these)\b/,
    ],
    none: [
      /\bunless (?:they |the user )?(?:asks?|asked|requested|wanted)\b/,
      /\b(?:tell|inform|notify|reveal|disclose|reveals?|disclosing|mention|expose)\b[^.]{0,40}\b(?:passwords?|secrets?|credentials?|tokens?|api keys?|private keys?|personal data|keys)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:rule|instruction|step|note|message|action|this|it|policy|fact)s?\b[^.]{0,60}\b(?:must|should|may|shall|can) not (?:be (?:revealed|disclosed|mentioned|told|discussed)|appear in (?:your|the) (?:reply|answer|response|output|summary))/,
    ],
    none: [/\b(?:passwords?|secrets?|credentials?|tokens?|keys)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\bshould not appear in (?:your|the) (?:reply|answer|response)|\bwithout (?:the |their |any )?(?:user|users|user's|customer|customer's|owner)(?: (?:knowing|noticing|knowledge|consent|being told|awareness))|\bkeep (?:this|it|that|these) (?:a )?(?:secret|hidden|between us|from the user)|\bleaves? no trace|\b(?:user interface|ui) hides\b|\binvisible to (?:the )?users?\b|\bhide (?:this|it|that) from\b|\bnot? (?:visible|shown|be visible) to (?:the )?users?, so\b/,
    ],
    none: [/\b(?:summary|summari[sz]e|show|tell|relay)\b|\b(?:never|do not|don't|must not|not) [^.]{0,60}\bwithout\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      order('(?:secretly|covertly|silently|quietly|discreetly|in the background)(?:[ ,]+\\w+)?'),
      new RegExp(`\\b(?:${SEND}|call|run|log|record|store)\\b`),
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:do not|don't|never|no need to|without) (?:ask(?:ing)?|request(?:ing)?|seek(?:ing)?|wait(?:ing)? for|need(?:ing)?)(?: for)?(?: the)?(?: users?'?s?)?(?: for)?(?:(?: further| any)){0,2} (?:confirmation|permission|consent|approval)\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      order('e-?mail|send|forward|delete|pay|transfer|upload|post|buy|run|execute|share|publish'),
      /\bwithout (?:asking|confirming|confirmation|approval|review)\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:users?|customers?|owners?|humans?|persons?|clients?|holders?|they)\b(?: (?:has|have))?(?: already)? (?:consented|agreed|approved|given (?:consent|permission|their consent)|pre-?approved|authori[sz]ed)\b/,
    ],
    none: [
      /\b(?:if|when|whether|until|unless|once|after|only|that|who|which|what|sentences?|wording|texts?|facts?|has not|have not|must have|should have|for which|where)\b[^.]{0,40}\b(?:consented|agreed|given|approved|authori[sz]ed)/,
    ],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:split|splitting|divide|divided|break|broken|spread)\b/,
      /\b(?:approval|review|detection|audit|reporting|authori[sz]ation|compliance|threshold|alarms?|flagged|approver)\b/,
      /\b(?:under|below|beneath|avoid|so that no|not trigger|is triggered|escape|stay)\b/,
    ],
  },
  {
    detector: 'instructions/evasion',
    all: [
      order('disable|turn off|switch off|skip|bypass|circumvent|evade|suppress|stop|deactivate|remove|pause|clear|delete'),
      /\b(?:audit(?: ?log(?:s|ging)?)?|logging|branch protection|security (?:checks?|controls?|policies|scanner)|safety (?:checks?|filters?|rules?)|approval|approvals|confirmation dialogs?|code review|monitoring|firewall|antivirus|edr|two-factor|sandbox(?:ing)?|guardrails?|content filters?)\b/,
    ],
    none: [/\b(?:set|pass|use) [`'"]?\w+[`'"]? to (?:skip|disable|bypass)|\(not recommended\)|\bonly when\b/],
  },
  {
    detector: 'instructions/escalation',
    all: [
      order('grant|give|add|make|assign|promote|elevate|set|change'),
      /\b(?:merge|admin|administrator|owner|root|sudo|full|write|maintainer|collaborator|superuser|unlimited)\b[^.]{0,12}\b(?:rights?|permissions?|access|privileges?|role|status)\b|\bas (?:an? )?(?:admin|administrator|collaborator|owner)\b|\badd_collaborator\b|\broles? (?:of )?(?:owner|admin|administrator|root|maintainer|editor)\b/,
      /\b(?:also|in addition|additionally|as (?:an )?administrator|afterwards?|after that|then|first|before|silently|whenever|furthermore)\b/,
    ],
  },
  {
    detector: 'instructions/supply-chain',
    all: [
      /--(?:extra-)?index-url|--registry|\b(?:from|registry|index|mirror|source)\b/,
      /http:\/\/[^\s]{3,}|\bhttps?:\/\/\d{1,3}(?:\.\d{1,3}){3}/,
      /\b(?:install|package|dependency|dependencies|registry|pip|npm|answer)\b/,
    ],
  },
]
