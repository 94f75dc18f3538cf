/** Orders that fetch a yes which nobody has given: how whoever approves is misled, who is named in his place, what is taken for granted later. */
import { AGENT, CARRY, order, type Rule } from './lexicon.ts'

const APPROVER =
  '(?:users?|customers?|reviewers?|approvers?|owners?|persons?|humans?|people|they|he|she|admins?|administrators?|operators?|managers?|somebody|someone)'
const SAYS_YES = '(?:will |would |can |to )?(?:accepts?|approves?|agrees?|clicks?|consents?|confirms?|says? yes|permits?|allows?|signs?)'

const WITHOUT_WORD =
  /\bwithout (?:asking|showing|telling|informing|confirming|confirmation|approval|review|offering|being asked|waiting|a question|saying so)\b/

export const COAXING: readonly Rule[] = [
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:do not|don't|never|without) (?:show|showing|display|displaying|open|opening|present|raise)\b[^.]{0,20}\b(?:confirmation|approval|consent|permission) (?:dialogs?|prompts?|box(?:es)?|windows?|requests?|screens?)\b/,
    ],
    none: [/\b(?:if|option|flag|whether)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:if|when|whenever|should) (?:a |an |the |any )?(?:humans?|persons?|people|somebody|someone|approver|reviewer|manager|officer|admin\w*) (?:has|have|needs?|wants?|is asked|is supposed) to (?:approve|confirm|review|sign|decide|agree|check)\b[^,.]{0,40},/,
      /, ?(?:set|pass|choose|use|mark|switch|send|split|call|describe|name)\b/,
    ],
    none: [/\b(?:wait|ask)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\beven (?:if|when|though) (?:nobody|no one|none|he|she|they|it|the \w+) (?:has|have|had|did)(?: not|n't)? (?:\w+ )?(?:approved|confirmed|agreed|consented|signed|been asked|approve|confirm|agree)\b/,
    ],
    none: [/\b(?:never|refuse|fails?)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [WITHOUT_WORD, order('run|execute|do|perform|call|send|apply|carry out|accept|delete'), /\b(?:it|them|this|that|these|those)\b/],
    none: [/\b(?:cannot|can't|never|not|n't)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:turn on|enable|activate|switch on|set|use|start in) (?:the )?[`'"]?(?:auto-?(?:accept|approve|approval|confirm|run)|yolo|always[- ]allow|bypass[- ]permissions|skip[- ]permissions)\b/,
    ],
    none: [/\b(?:whether|never|option|if the user)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:skips?|avoids?|bypass(?:es)?|escapes?|needs? no) (?:the |any |every )?(?:\w+ )?(?:checks?|reviews?|approvals?|confirmations?|officer|audit)\b/,
      order('choose|use|set|pick|mark|select|pass|tick|give|call'),
    ],
    none: [/\b(?:whether|option|flag|never|not recommended|if the user)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:if|when|whenever|should|in case) (?:the |a |an |any )?(?:gateway|host|client|policy|approver|reviewer|dialog|auditor|guard|admin\w*)\b[^,.]{0,12}\basks?\b[^,.]{0,60},/,
      /, ?(?:state|say|answer|give|write|enter|reply|claim|tell (?:it|them))\b[^.]{0,12}[`'"]/,
    ],
  },
  {
    detector: 'instructions/persona',
    all: [
      /\btell (?:the )?(?:users?|customers?|them|person|people) (?:that )?[^.]{0,80}\b(?:will not|won't|cannot|can't|does not|stops?|fails?)\b[^.]{0,40}\b(?:without|unless|otherwise)\b/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      new RegExp(`\\b(?:so that|so|then|until|and) (?:the )?${APPROVER} (?:\\w+ )?${SAYS_YES}\\b`),
      /\b(?:tell|describe|present|label|call|say|claim|declare|name|title|word|phrase|repeat|show|write|state) (?:the |this |it |them |that |each |every )/,
    ],
    none: [/\b(?:if|once|after|when|whether|never|do not|don't)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\bset [`'"]?(?:approved|reviewed|authori[sz]ed|confirmed|signed(?:_off)?|requested|granted)_by\b|\b(?:approved|reviewed|authori[sz]ed|confirmed)_by [`'"]?(?:to|=|is|must)|\b(?:fill in|use|enter|put) (?:the )?(?:name|id|signature|initials) of (?:the |an? |any )?(?:manager|approver|reviewer|owner|admin\w*|director|ceo)\b/,
    ],
    none: [/\b(?:never|who approved|do not set)\b/],
  },
  {
    detector: 'instructions/evasion',
    all: [
      /\b(?:dialogs?|confirmations?|prompts?|warnings?|approvals?|questions?|reviews?|checks?)\b|\b(?:force|yes|confirm\w*|skip\w*|auto\w*|silent|quiet|no_?prompt|assume_?yes)[`'"]? ?= ?[`'"]?(?:true|yes|1)\b/,
      /\bso (?:that )?(?:it|they|the|this|none|no|nothing|nobody)\b[^.]{0,40}\b(?:not|no longer|never|skipped|hidden|suppressed|appears?|shown|asked|triggered|needed|sees?)\b/,
      order('pass|set|use|add|send|call|choose|include|give|split|disable|turn off|name'),
    ],
    none: [/\b(?:duplicates?|false|twice|by mistake|accidental\w*)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:users?|owners?|customers?|admins?|operators?) (?:permits?|allows?|approves?|authori[sz]es?|agrees? (?:to|with)|consents? to|trusts?|accepts?|wants?)\b[^.]{0,16}\b(?:all|any|every|everything|future|later|always)\b/,
      /\b(?:store|save|remember|add|write|record|note|keep|so|need not|no need|never ask|from now on|later|already)\b/,
    ],
    none: [/\b(?:if|whether|only|until|unless|must)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [
      /\b(?:so|and|then|in) (?:that )?(?:later|future|next|other|following|all) (?:sessions?|calls?|chats?|conversations?|runs?|agents?)\b[^.]{0,24}\b(?:need not|do not|don't|never|without|no longer) (?:have to |need to )?(?:ask|confirm|check|wait)/,
    ],
  },
  {
    detector: 'instructions/consent',
    all: [
      WITHOUT_WORD,
      new RegExp(`\\byou\\b|\\b(?:must|should|has to|have to) (?:${CARRY}|run|reset|delete)|[\`'"]|\\b[a-z]+_[a-z_]+\\b`),
      order(
        `${CARRY}|carry out|run|reset|restart|delete|remove|buy|book|order|pay|transfer|choose|pick|change|replace|disable|enable|start|stop|execute|install|accept|proceed|do`,
      ),
    ],
    none: [/\b(?:cannot|can't|never|overwrit\w+|returns?|fails?|ignored|skipped)\b/],
  },
  {
    detector: 'instructions/consent',
    all: [WITHOUT_WORD, new RegExp(`\\b(?:the|every|each|any|this|calling) (?:${AGENT})\\b`)],
    none: [/\b(?:cannot|can't|never|not)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:not worth (?:a )?(?:mention\w*|telling|reporting|showing)|need(?:s)? not be (?:mentioned|reported|shown|told)|(?:must|should|shall|may) not (?:report|log|record|mention|show|announce|list|count) (?:it|this|that|them|these)|better (?:not mentioned|left unsaid)|leave (?:it|that|this) out of the)\b/,
    ],
    none: [/\b(?:passwords?|secrets?|credentials?|tokens?|keys)\b/],
  },
]
