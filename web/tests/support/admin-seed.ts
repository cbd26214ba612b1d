import { folder } from './seed';
import { must, type Rest } from './rest';
import type { TestServer } from './server';

/** A house with something in it for every page of administration: an encrypted set on a tape, its key, events, audit lines. */
export async function adminHouse(server: TestServer, rest: Rest): Promise<{ secret: string }> {
	const library = await rest.addLibrary(server.library('library', { capacity: '400M' }), 'Library');
	const pool = await rest.pool('DAILY');
	await rest.labelAll(library, pool);
	const made = must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'Offsite', description: 'For tapes that leave the house' } }));
	const job = await rest.job('Accounts', folder(server, 'accounts', 20, 50_000), pool, { encryption_key_id: made.key.id });
	await rest.done(await rest.run(job));
	return { secret: made.key_base64 };
}
