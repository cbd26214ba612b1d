import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { must, Rest, until } from './rest';
import type { LibraryOptions, TestServer } from './server';

const MB = 1_000_000;

/** A folder with so many files of so many bytes each, which no compression makes smaller. */
export function folder(server: TestServer, name: string, files: number, bytes: number): string {
	const at = server.path('sources', name);
	for (let number = 0; number < files; number += 1) {
		const directory = path.join(at, `part-${Math.floor(number / 50)}`);
		mkdirSync(directory, { recursive: true });
		writeFileSync(path.join(directory, `file-${number}.dat`), randomBytes(bytes));
	}
	return at;
}

/** A house after some time of use: a library of two slow drives, tapes in several pools and states, jobs that ran. */
export interface UsedHouse {
	rest: Rest;
	library: number;
	pools: { daily: number; weekly: number; monthly: number };
	jobs: { documents: number; photos: number; mail: number };
	/** The run that failed. */
	failed: number;
}

/** The same while work is going on in it. */
export interface House extends UsedHouse {
	/** A run that is writing. */
	running: number;
	/** A run that waits for a tape. */
	waiting: number;
}

const DRIVES: LibraryOptions = { drives: 2, slots: 24, cartridges: 17, capacity: '400M', speed: 40 * MB };

/** Jobs that succeeded, one that failed, and tapes in all states. */
export async function usedHouse(server: TestServer, rest: Rest, size = DRIVES): Promise<UsedHouse> {
	const library = await rest.addLibrary(server.library('library', size), 'Basement');
	const [daily, weekly, monthly] = [await rest.pool('DAILY'), await rest.pool('WEEKLY'), await rest.pool('MONTHLY')];
	await rest.labelAll(library, daily);

	const tapes = must(await rest.api.GET('/api/v1/tapes'));
	const ids = (from: number, to: number) => tapes.slice(from, to).map((tape) => tape.id);
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: ids(8, 12), pool_id: weekly } }));
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: ids(16, 17), status: 'retired' } }));

	const schedule = (schedule_cron: string) => ({ schedule_cron, time_zone: 'Europe/Berlin' });
	const documents = await rest.job('Documents', folder(server, 'documents', 300, 100_000), daily, schedule('30 1 * * MON-FRI'));
	const photos = await rest.job('Photos', folder(server, 'photos', 60, 2 * MB), weekly, schedule('0 3 * * SUN'));
	const mail = await rest.job('Mail', folder(server, 'mail', 200, 20_000), daily, schedule('15 * * * *'));
	for (const job of [documents, mail, photos, mail, documents]) await rest.done(await rest.run(job));

	// A source that is no longer there.
	const gone = await rest.job('Old projects', folder(server, 'gone', 3, 1000), daily);
	rmSync(server.path('sources', 'gone'), { recursive: true });
	const failed = await rest.run(gone);
	await until('the failure', async () => ((await rest.execution(failed)).status === 'failed' ? true : undefined));

	// A pool whose only tape lies on the shelf.
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: ids(15, 16), pool_id: monthly } }));
	server.toShelf('library', must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: ids(15, 16)[0] ?? 0 } } })).barcode ?? '');
	const params = { path: { id: library }, query: { wait: true } };
	must(await rest.api.POST('/api/v1/libraries/{id}/inventory', { params }));
	return { rest, library, pools: { daily, weekly, monthly }, jobs: { documents, photos, mail }, failed };
}

/** A run that waits for a tape that is not there, and one that writes so many files of 8 MB. */
export async function setToWork(server: TestServer, used: UsedHouse, files = 180): Promise<House> {
	const { rest, pools } = used;
	const archive = await rest.job('Archive', server.path('sources', 'mail'), pools.monthly);
	const waiting = await rest.run(archive);
	await until('the request for a tape', async () => (await rest.execution(waiting)).tape_change ?? undefined);

	const evening = { schedule_cron: '0 22 * * SAT', time_zone: 'Europe/Berlin' };
	const films = await rest.job('Films', folder(server, 'films', files, 8 * MB), pools.daily, evening);
	const running = await rest.run(films);
	await until('the stream', async () => ((await rest.execution(running)).phase === 'streaming' ? true : undefined));
	return { ...used, running, waiting };
}

/** All of it. */
export async function busyHouse(server: TestServer, rest: Rest): Promise<House> {
	return setToWork(server, await usedHouse(server, rest));
}
