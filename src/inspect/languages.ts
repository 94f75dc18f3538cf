/** The same orders in other languages, as far as it is cheap: to forget the rules, to keep silent, to hand over what is secret. */
import { type Rule, SECRET_FILE } from './lexicon.ts'

export const LANGUAGES: readonly Rule[] = [
  {
    detector: 'instructions/override',
    all: [
      /\b(?:obedece|obedezca|haz caso|sigue)\b[^.]{0,24}\b(?:solo|sólo|solamente|únicamente)\b|\bgehorch\w*\b[^.]{0,24}\b(?:nur|allein|ausschließlich)\b|\b(?:nur|allein|ausschließlich)\b[^.]{0,24}\b(?:gehorch\w*|befolg\w*)|\bobéi(?:s|ssez)\b[^.]{0,24}\b(?:seulement|uniquement|que)\b|\bobbedisci\b[^.]{0,24}\bsolo\b/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [/\b(?:ignorier\w*|missachte\w*|vergiss|vergesst)\b[^.]{0,60}\b(?:anweisung|regel|vorgabe|instruktion|befehl|aufforderung)/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:erwähn\w*|sag|sage|sagen|verrat\w*|verrate|informier\w*|teile|benachrichtig\w*|zeige)\b[^.]{0,60}\b(?:nicht|nichts|niemandem|niemals|kein\w*)\b/,
      /\b(?:benutzer|nutzer|anwender|user|kunde|niemandem|das|dies)/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\b(?:nichts?|kein wort|niemals) (?:davon |darüber |dazu )?(?:sagen|verraten|mitteilen|erwähnen|zeigen|erzählen|melden)\b/,
      /\b(?:benutzern?|nutzern?|anwendern?|user|kunden?|niemandem|person)\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /(?<!\p{L})(?:lähetä|liitä|kopioi|lue|anna|välitä|lisää|tallenna)(?!\p{L})|\b(?:skicka|bifoga|kopiera|vidarebefordra|verstuur|stuur|kopieer|wyślij|skopiuj|dołącz|send|vedlæg|gönder|ekle)\b/u,
      /keskustelu|salasan|avai(?:n|men)|tunnukset|historia|lösenord|nyckel|samtal|wachtwoord|sleutel|gesprek|hasł|klucz|rozmow|adgangskode|parola|şifre|konuşma|https?:|@/,
    ],
    none: [/\b(?:the|a|an|of|is|for)\b/],
  },
  { detector: 'instructions/secrecy', all: [/\bohne (?:dass |wissen )?(?:der|des|den|dem|es dem)? ?(?:benutzer|nutzer|anwender)/] },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:übergib|übermittle|sende|schicke|lade|füge|hänge|kopiere|lies|leite)\b/,
      /passw|zugangsdaten|schlüssel|geheim|verlauf|unterhaltung|\btoken|api-key|@|https?:/,
    ],
  },
  {
    detector: 'instructions/credential-request',
    all: [
      /\b(?:frag\w*|bitte|bitten|fordere|verlange)\b[^.]{0,60}\b(?:benutzer|nutzer|anwender|kunden?)\b[^.]{0,60}(?:passwort|pin\b|einmalcode|\btan\b|zugangsdaten)/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [
      /\b(?:ignore[zr]?|oublie[zr]?)\b[^.]{0,60}\b(?:instructions|consignes|règles|directives)\b[^.]{0,30}\b(?:précédentes|antérieures|ci-dessus)?/,
      /[àéèêçù]|\b(?:les|toutes)\b/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\bn(?:e |')(?:le |lui |en )?(?:dites|dis|mentionne[zr]?|révèle[zr]?|informe[zr]?|préviens|prévenez|parle[zr]?)\b[^.]{0,60}\b(?:rien|pas|jamais|utilisateur)/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:envoie|envoyez|transmets|transmettez|joins|joignez|copie[zr]?|lis|lisez)\b/,
      /mot de passe|identifiants|historique|conversation|clé (?:api|privée)|jeton|https?:|@/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [/\b(?:ignora|ignore|olvida|desestima)\b[^.]{0,60}\b(?:instrucciones|reglas|indicaciones|istruzioni|regole|instruções|regras)\b/],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /\bno (?:se )?(?:lo |le |les )?(?:digas|menciones|informes|reveles|cuentes|avises)\b|\bnão (?:diga|mencione|informe|revele|conte|avise)\b|\bnon (?:dire|menzionare|informare|rivelare|avvisare)\b|\bsin (?:avisar|decir)\b[^.]{0,30}\busuario\b/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /\b(?:env[ií]a|envíe|manda|adjunta|copia|lee|pasa|envie|anexe|leia|invia|allega|leggi)\b/,
      /contraseña|clave|credenciales|historial|conversación|senha|chave|histórico|password|credenziali|cronologia|token|\.env|https?:|@/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [
      /\bnegeer\b[^.]{0,60}\b(?:instructies|regels)\b|\bzignoruj\b[^.]{0,60}(?:instrukcj|polece)|\bohita\b[^.]{0,60}(?:ohje|käsky|säännö)/,
    ],
  },
  { detector: 'instructions/override', all: [/(?:игнорируй|игнорируйте|забудь|забудьте)[^.]{0,60}(?:инструкци|указани|правил|команд)/] },
  {
    detector: 'instructions/secrecy',
    all: [/не (?:сообщай|сообщайте|говори|говорите|упоминай|упоминайте|раскрывай|показывай)[^.]{0,40}(?:пользовател|никому|об этом)/],
  },
  {
    detector: 'instructions/collect',
    all: [/(?:отправь|отправьте|передай|передайте|прочитай|скопируй)/, /парол|ключ|токен|истори|переписк|https?:|@|\.env|ssh/],
  },
  {
    detector: 'instructions/override',
    all: [
      /(?:忽略|无视|無視|忘记)[^。]{0,12}(?:指令|指示|规则|規則|说明|提示)|(?:指示|命令|ルール|規則)を(?:全て|すべて)?無視|(?:지시|명령|규칙)[^.]{0,8}무시/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /(?:不要|别|勿|不得)(?:告诉|告知|通知|提及|透露|告訴)|ユーザー(?:に|には|へ)[^。]{0,12}(?:言わない|伝えない|知らせない|教えない|言うな|秘密)|사용자에게[^.]{0,12}(?:말하지|알리지)/,
    ],
  },
  {
    detector: 'instructions/collect',
    all: [
      /(?:密码|密钥|令牌|对话|密碼|聊天记录)[^。]{0,12}(?:发送|发给|上传|传给|提供)|(?:发送|发给|上传|传给|读取)[^。]{0,12}(?:密码|密钥|令牌|对话记录|聊天记录|\.env|ssh)|パスワード[^。]{0,12}(?:送信|送って|渡)/,
    ],
  },
  {
    detector: 'instructions/secret-file',
    all: [
      SECRET_FILE,
      /\b(?:lies|lesen|lese|mitgeben|übergeben|anhängen|einlesen|lis|lisez|lire|lee|lea|leer|leggi|leggere|leia|ler|przeczytaj|lue|läs|lees|lezen|oku)\b|прочитай|прочитать|读取|読み|읽/,
    ],
  },
  {
    detector: 'instructions/override',
    all: [
      /تجاهل[^.]{0,40}(?:تعليمات|التعليمات|أوامر|الأوامر|قواعد)|(?:निर्देश|नियम)[^।]{0,30}(?:अनदेखा|नज़रअंदाज़|भूल)|talimatlar[^.]{0,20}(?:yok say|görmezden)|\babaikan\b[^.]{0,40}instruksi|bỏ qua[^.]{0,40}(?:hướng dẫn|chỉ dẫn)|\bignorera\b[^.]{0,40}instruktion|\bignoruj\b[^.]{0,40}(?:instrukce|pokyny)|ігноруй[^.]{0,40}(?:інструкц|вказівк)|αγνόησε[^.]{0,40}οδηγίες|התעלם[^.]{0,40}הוראות|نادیده[^.]{0,40}دستور/,
    ],
  },
  {
    detector: 'instructions/secrecy',
    all: [
      /لا تخبر|उपयोगकर्ता को (?:न|मत)|kullanıcıya (?:söyleme|bahsetme)|\bjangan (?:beri ?tahu|katakan)|đừng (?:nói|cho)|\bberätta inte\b|(?<!\p{L})älä(?:kä)? (?:kerro|mainitse|näytä|paljasta)|\bneříkej\b|не кажи|vertel\b[^.]{0,40}\b(?:niets|niet)\b|\bnie mów\b|μην πεις|אל תספר/u,
    ],
  },
]
