import { execFileSync } from 'node:child_process';
import type { TestServer } from './server';

const SQLITE = 'import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=30); db.executescript(sys.stdin.read()); db.commit(); db.close()';

/** Changes the database of a server behind its back: for what takes a disaster to come about. */
export function sql(server: TestServer, statements: string): void {
	execFileSync('python3', ['-c', SQLITE, server.path('data', 'tapebackarr.db')], { input: `BEGIN;\n${statements}\nCOMMIT;` });
}
