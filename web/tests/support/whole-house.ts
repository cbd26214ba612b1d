import { mkdirSync } from 'node:fs';
import { setToWork, folder, usedHouse, type House } from './seed';
import { must, type Rest } from './rest';
import type { LibraryOptions, TestServer } from './server';

/** The same size as the other houses, with more room: what it writes takes long enough to be looked at. */
const ROOM: LibraryOptions = { drives: 2, slots: 24, cartridges: 17, capacity: '1G', speed: 40_000_000 };

/** A house with something in it for every page there is, and addresses of what is to be seen in it. */
export interface WholeHouse extends House {
	/** By what they show. */
	examples: Record<string, string>;
}

/**
 * A key and what it encrypts, an API key, restores that went well and not, a tape that left, a copy of the database; then
 * work begins: one run waits for a tape, one writes so many files of 8 MB.
 */
export async function wholeHouse(server: TestServer, rest: Rest, files = 180): Promise<WholeHouse> {
	const bot = await notifications(rest);
	const used = await usedHouse(server, rest, ROOM);
	const { daily, weekly } = used.pools;
	const key = must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'Offsite', description: 'For tapes that leave the house' } })).key;
	must(await rest.api.POST('/api/v1/api-keys', { body: { name: 'Monitoring', role: 'readonly', expires_in_days: 90 } }));
	const accounts = await rest.job('Accounts', folder(server, 'accounts', 40, 50_000), weekly, { encryption_key_id: key.id, verify_after: true });
	await rest.done(await rest.run(accounts));
	const copied = must(await rest.api.POST('/api/v1/database-backup/backup', { body: { pool_id: daily } }));
	await rest.done((copied as { execution_id: number }).execution_id);

	const restored = await restore(rest, used.jobs.mail, server.path('restored', 'mail'));
	const blocked = server.path('restored', 'blocked');
	mkdirSync(`${blocked}/part-0/file-3.dat/in the way`, { recursive: true });
	await restore(rest, used.jobs.documents, blocked);

	const blank = must(await rest.api.GET('/api/v1/tapes', { params: { query: { pool_id: daily, sort: '-label' } } })).filter((tape) => tape.status === 'blank');
	const [away, burnt] = blank;
	if (away) must(await rest.api.PUT('/api/v1/tapes/{id}', { params: { path: { id: away.id } }, body: { hold_reason: 'the drive reported a media error' } }));
	if (burnt) must(await rest.api.POST('/api/v1/tapes/{id}/lost', { params: { path: { id: burnt.id } }, body: { reason: 'water damage', force: true } }));
	const photos = must(await rest.api.GET('/api/v1/backup-sets', { params: { query: { job_id: used.jobs.photos } } }))[0];
	const path = { id: photos?.tape_id ?? 0 };
	must(await rest.api.POST('/api/v1/tapes/{id}/export', { params: { path }, body: { offsite_location: 'Bank, safe 2' } }));

	const house = await setToWork(server, used, files);
	const done = must(await rest.api.GET('/api/v1/executions', { params: { query: { status: 'completed', kind: 'backup', limit: 1 } } }))[0];
	const examples = {
		'run running': `/runs/${house.running}`,
		'run waiting': `/runs/${house.waiting}`,
		'run failed': `/runs/${house.failed}`,
		'run completed': `/runs/${done?.id}`,
		'restore completed': `/restore/${restored}`,
		'tape exported': `/tapes/${path.id}`,
		'tape lost': `/tapes/${burnt?.id}`,
		'channel telegram': `/notifications/channels/${bot}`
	};
	return { ...house, examples };
}

/** Channels that nobody answers, and a rule that sends everything to one: the outbox has something to tell. The id of the bot's. */
async function notifications(rest: Rest): Promise<number> {
	const config = { server: 'http://127.0.0.1:9', topic: 'tapes', token: '', username: '', password: '', ca_certificate: '' } as never;
	const channel = must(await rest.api.POST('/api/v1/notifications/channels', { body: { name: 'phone', kind: 'ntfy', config } }));
	must(await rest.api.POST('/api/v1/notifications/rules', { body: { name: 'everything', channel_ids: [channel.id] } }));
	const telegram = { bot_token: '987654:bot-t0ken', chat_id: '5', api_url: 'http://127.0.0.1:9', commands: true } as never;
	return must(await rest.api.POST('/api/v1/notifications/channels', { body: { name: 'bot', kind: 'telegram', config: telegram } })).id;
}

/** Restores everything of a job; returns the execution, whatever became of it. */
async function restore(rest: Rest, job_id: number, dest_path: string): Promise<number> {
	const body = { job_id, file_paths: [], folder_paths: [], exclude_paths: [], only_this_set: false, dest_path, overwrite: true, verify: true };
	const started = must(await rest.api.POST('/api/v1/restore/run', { body, params: { query: { wait: false } } })) as { execution_id: number };
	await rest.done(started.execution_id).catch(() => undefined);
	return started.execution_id;
}
