import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../../src/lib/api/schema';
import { ADMIN, type TestServer } from './server';

type Schemas = components['schemas'];
export type Role = Schemas['Role'];

/** The REST API as a test uses it: to prepare what a page is to show, and to look at what a page has done. */
export class Rest {
	readonly api: Client<paths>;

	constructor(
		readonly server: TestServer,
		token: string
	) {
		this.api = createClient<paths>({ baseUrl: server.url, headers: { authorization: `Bearer ${token}` } });
	}

	/** The first administrator. */
	static async setUp(server: TestServer): Promise<Rest> {
		const api = createClient<paths>({ baseUrl: server.url });
		const login = await api.POST('/api/v1/auth/setup', { body: { token: server.setUpToken, ...ADMIN } });
		return new Rest(server, must(login).token ?? '');
	}

	/** The administrator logs in once more: after a restart. */
	async again(): Promise<Rest> {
		const login = await this.api.POST('/api/v1/auth/login', { body: ADMIN });
		return new Rest(this.server, must(login).token ?? '');
	}

	async user(role: Role): Promise<{ username: string; password: string }> {
		const login = { username: `the-${role}`, password: `password of ${role}` };
		must(await this.api.POST('/api/v1/users', { body: { ...login, role } }));
		return login;
	}

	/** Adds a virtual library with its drives and takes the inventory. */
	async addLibrary(folder: string, name: string, drives = 2): Promise<number> {
		const device = (part: string) => `virtual:${folder}#${part}`;
		const body = { name, device_path: device('changer') };
		const { id } = must(await this.api.POST('/api/v1/libraries', { body }));
		for (let drive = 0; drive < drives; drive += 1) {
			const body = { device_path: device(`drive${drive}`), display_name: `Drive ${drive}` };
			must(await this.api.POST('/api/v1/drives', { body }));
		}
		const params = { path: { id }, query: { wait: true } };
		must(await this.api.POST('/api/v1/libraries/{id}/inventory', { params }));
		return id;
	}

	async pool(name: string): Promise<number> {
		const found = must(await this.api.GET('/api/v1/pools')).find((pool) => pool.name === name);
		if (!found) throw new Error(`there is no pool ${name}`);
		return found.id;
	}

	/** Labels all tapes of a library by their bar codes. */
	async labelAll(library: number, pool: number): Promise<void> {
		const body = { library_id: library, barcodes: true, pool_id: pool };
		await this.done(must(await this.api.POST('/api/v1/tapes/batch-label', { body })).execution_id);
	}

	async job(name: string, path: string, pool: number, more: Partial<Schemas['JobRequest']> = {}): Promise<number> {
		const source = must(await this.api.POST('/api/v1/sources', { body: { name, path, source_type: 'local' } }));
		const base = { name, source_id: source.id, pool_id: pool, backup_type: 'full' as const, schedule_cron: '' };
		const body = { ...base, ...more } as Schemas['JobRequest'];
		return must(await this.api.POST('/api/v1/jobs', { body })).id;
	}

	/** Starts a job; returns the execution. */
	async run(job: number, type: 'full' | 'incremental' = 'full'): Promise<number> {
		const params = { path: { id: job } };
		const started = await this.api.POST('/api/v1/jobs/{id}/run', { params, body: { use_pool: true, backup_type: type } });
		return must(started).execution_id;
	}

	async execution(id: number): Promise<Schemas['ExecutionView']> {
		return must(await this.api.GET('/api/v1/executions/{id}', { params: { path: { id } } }));
	}

	/** Waits until it has ended; an error unless it completed. */
	async done(id: number): Promise<Schemas['ExecutionView']> {
		const ended = await until(`execution ${id} to end`, async () => {
			const now = await this.execution(id);
			return ['completed', 'failed', 'cancelled'].includes(now.status) ? now : undefined;
		});
		if (ended.status !== 'completed') throw new Error(`execution ${id} ${ended.status}: ${ended.error_message}`);
		return ended;
	}
}

/** The data of an answer that must be a success. */
export function must<T>(answer: { data?: T; error?: unknown; response: Response }): T {
	if (answer.data === undefined) {
		throw new Error(`${answer.response.url}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
	}
	return answer.data;
}

/** Asks until there is an answer. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>, patienceMs = 60_000): Promise<T> {
	const end = Date.now() + patienceMs;
	while (Date.now() < end) {
		const answer = await ask();
		if (answer !== undefined) return answer;
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	throw new Error(`waited ${patienceMs / 1000} s in vain for ${what}`);
}
