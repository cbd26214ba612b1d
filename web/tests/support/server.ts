import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../../..');
export const ADMIN = { username: 'admin', password: 'correct horse battery' };

/** The program under test: TAPEBACKARR_PROGRAM, which `make` sets. */
export function program(): string {
	const given = process.env.TAPEBACKARR_PROGRAM;
	const found = given ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target'), 'debug/tapebackarr');
	if (!existsSync(found)) throw new Error(`there is no program at ${found}: run make build, or set TAPEBACKARR_PROGRAM`);
	return found;
}

export interface LibraryOptions {
	drives?: number;
	slots?: number;
	cartridges?: number;
	capacity?: string;
	/** Bytes per second of every drive; as fast as possible if not given. */
	speed?: number;
}

/** A real server with real virtual tapes, in a folder of its own that goes with it. */
export class TestServer {
	private constructor(
		readonly folder: string,
		readonly url: string,
		readonly setUpToken: string,
		private readonly process: ChildProcess
	) {}

	/** On this port, any if 0, with these settings in the environment. */
	static async start(port = 0, settings: Record<string, string> = {}): Promise<TestServer> {
		if (!existsSync(path.join(ROOT, 'static/index.html'))) throw new Error('the UI is not built: run make ui');
		const folder = mkdtempSync(path.join(tmpdir(), 'tapebackarr-ui-'));
		const { child, url, token } = await serve(folder, port, settings);
		return new TestServer(folder, url, token ?? '', child);
	}

	/** The same server again after `stop(true)`, on the same port. */
	async restarted(): Promise<TestServer> {
		const { child, url } = await serve(this.folder, Number(new URL(this.url).port));
		return new TestServer(this.folder, url, '', child);
	}

	/** The file of its database. */
	get database(): string {
		return this.path('data', 'tapebackarr.db');
	}

	path(...parts: string[]): string {
		return path.join(this.folder, ...parts);
	}

	/** Makes a virtual library on disk; returns its folder. */
	library(name: string, options: LibraryOptions = {}): string {
		const folder = this.path(name);
		const { drives = 2, slots = 8, cartridges = 6, capacity, speed } = options;
		const flags = ['--drives', drives, '--slots', slots, '--cartridges', cartridges].map(String);
		execFileSync(program(), ['virtual', 'create', folder, ...flags, ...(capacity ? ['--capacity', capacity] : [])]);
		if (speed) setSpeed(path.join(folder, 'library.json'), speed);
		return folder;
	}

	/** Takes a cartridge out of a library by hand. */
	toShelf(library: string, cartridge: string): void {
		execFileSync(program(), ['virtual', 'move', this.path(library), cartridge, '--to', 'shelf']);
	}

	/** Puts one back, into the first empty slot. */
	intoLibrary(library: string, cartridge: string): void {
		execFileSync(program(), ['virtual', 'move', this.path(library), cartridge, '--to', 'any']);
	}

	async stop(keep = false): Promise<void> {
		const ended = new Promise((resolve) => this.process.once('exit', resolve));
		this.process.kill('SIGTERM');
		await ended;
		if (!keep) rmSync(this.folder, { recursive: true, force: true });
	}
}

async function serve(folder: string, port: number, settings: Record<string, string> = {}) {
	const child = spawn(
		program(),
		['serve', '--data-dir', path.join(folder, 'data'), '--listen', '127.0.0.1', '--port', String(port)],
		{
			cwd: ROOT,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: { ...process.env, TAPEBACKARR_AUTH__BCRYPT_COST: '10', TAPEBACKARR_TAPE__BUFFER_SIZE_MB: '64', ...settings }
		}
	);
	let told = '';
	const url = await new Promise<string>((resolve, reject) => {
		const hear = (chunk: Buffer) => {
			told += chunk.toString();
			const found = /Listening on (http:\S+)/.exec(told)?.[1];
			if (found) resolve(found);
		};
		child.stdout.on('data', hear);
		child.stderr.on('data', hear);
		child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${told}`)));
	});
	return { child, url, token: /Set-up token \(works once\): (\S+)/.exec(told)?.[1] };
}

/** Real drives are not as fast as memory: progress can be watched. */
function setSpeed(file: string, native: number): void {
	const library = JSON.parse(readFileSync(file, 'utf8'));
	library.settings.speed = {
		native_bytes_per_s: native,
		slowest_bytes_per_s: Math.floor(native / 3),
		back_hitch_ms: 300,
		load_ms: 0,
		unload_ms: 0,
		wind_ms: 500,
		seek_ms: 20,
		wraps: 280
	};
	writeFileSync(file, JSON.stringify(library));
}
