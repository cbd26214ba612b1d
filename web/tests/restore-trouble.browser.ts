import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';
import { sql } from './support/sql';

const MB = 1_000_000;
let server: TestServer;
let browser: Browser;
let rest: Rest;
let source: string;
let library: number;
/** An encrypted set, and one that goes over several tapes. */
let sealed: number;
let cut: number;
let tapes: { id: number; label: string; barcode: string }[];

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	library = await rest.addLibrary(server.library('library', { capacity: '32M', drives: 1 }), 'Library', 1);
	const pool = await rest.pool('DAILY');
	await rest.labelAll(library, pool);
	const key = must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'Offsite' } })).key;
	const secret = await rest.job('Secrets', folder(server, 'secrets', 5, 20_000), await rest.pool('DAILY'), { encryption_key_id: key.id });
	await rest.done(await rest.run(secret));
	// Each is larger than a tape: it is cut.
	source = folder(server, 'films', 2, 45 * MB);
	writeFileSync(path.join(source, 'a-note.txt'), 'that is not cut');
	const films = await rest.job('Films', source, pool);
	await rest.done(await rest.run(films));
	const newest = async (job: number) => must(await rest.api.GET('/api/v1/backup-sets', { params: { query: { job_id: job } } }))[0]?.id ?? 0;
	[sealed, cut] = [await newest(secret), await newest(films)];
	const parts = must(await rest.api.GET('/api/v1/backup-sets/{id}', { params: { path: { id: cut } } })).parts;
	const all = must(await rest.api.GET('/api/v1/tapes'));
	tapes = parts.map((part) => {
		const tape = all.find((one) => one.id === part.tape_id);
		return { id: part.tape_id, label: part.tape_label, barcode: tape?.barcode ?? '' };
	});
	expect(tapes.length).toBeGreaterThan(2);
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function open(address: string, options = {}): Promise<Tab> {
	const tab = await Tab.open(browser, server, options);
	await tab.logIn(ADMIN);
	await tab.goto(address);
	return tab;
}

async function planOfEverything(tab: Tab) {
	await tab.page.getByRole('checkbox', { name: 'Restore everything', exact: true }).check();
	await tab.page.getByRole('button', { name: /^Plan restore/ }).click();
	return tab.page.getByRole('dialog', { name: 'Restore plan' });
}

it('the plan says which key is at hand, which is missing, and what to do', async () => {
	const tab = await open(`/restore?set=${sealed}`);
	let plan = await planOfEverything(tab);
	await plan.getByText('Encrypted; the key Offsite is at hand.').waitFor();
	await tab.close();
	sql(server, "CREATE TABLE kept AS SELECT id, key_data FROM encryption_keys; UPDATE encryption_keys SET key_data = 'AAAA';");
	const again = await open(`/restore?set=${sealed}`);
	plan = await planOfEverything(again);
	const missing = plan.getByRole('alert');
	await missing.getByText(`The key Offsite is missing for set ${sealed}`).waitFor();
	await missing.getByText(/import the key again from its key sheet/).waitFor();
	await missing.getByText(/Fingerprint/).waitFor();
	await plan.getByText('What is encrypted with a key that is missing does not come back').waitFor();
	expect(await again.accessibilityProblems()).toEqual([]);
	await missing.getByRole('link', { name: 'To the encryption keys' }).waitFor();
	await again.close();
	sql(server, 'UPDATE encryption_keys SET key_data = (SELECT key_data FROM kept WHERE kept.id = encryption_keys.id); DROP TABLE kept;');
});

it('a verification says what could be read but not be compared', async () => {
	// As on tapes whose runs did not come to record it.
	sql(server, 'UPDATE backup_set_parts SET cut_sha256 = NULL;');
	const look = () => rest.api.POST('/api/v1/libraries/{id}/inventory', { params: { path: { id: library }, query: { wait: true } } });
	const drive = must(await rest.api.GET('/api/v1/drives'))[0];
	if (drive?.loaded) must(await rest.api.POST('/api/v1/drives/{id}/eject', { params: { path: { id: drive.id }, query: { wait: true } } }));
	must(await look());
	for (const tape of tapes.slice(1)) server.toShelf('library', tape.barcode);
	must(await look());
	const first = tapes[0];
	const tab = await open(`/tapes/${first?.id}`);
	await tab.page.getByRole('button', { name: 'Verify' }).click();
	await tab.page.getByRole('link', { name: 'Show' }).click();
	await tab.page.getByText(/could be read, but not be compared/).first().waitFor({ timeout: 60_000 });
	const table = tab.page.getByRole('table', { name: 'What was verified' });
	await table.getByRole('link', { name: String(cut), exact: true }).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
	for (const tape of tapes.slice(1)) server.intoLibrary('library', tape.barcode);
	must(await look());
});

it('an incomplete set can be looked into, what is missing is named, and the rest comes back', async () => {
	const last = tapes.length;
	sql(
		server,
		`DELETE FROM backup_set_parts WHERE backup_set_id = ${cut} AND part_number = ${last};
		UPDATE backup_sets SET status = 'incomplete', incomplete_reason = 'part ${last} of ${last} is on no tape that is known', parts_expected = ${last} WHERE id = ${cut};`
	);
	const tab = await open(`/restore?set=${cut}`);
	await tab.page.getByText('This backup is incomplete').waitFor();
	await tab.page.getByText(`part ${last} is missing`).waitFor();
	await tab.page.getByRole('table').getByText('part-0').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	const plan = await planOfEverything(tab);
	await plan.getByText(/files? cannot be brought back/).waitFor();
	expect(await plan.getByText('Only what the backup itself holds').count(), 'there is no choice').toBe(0);
	const to = server.path('restored');
	await plan.getByLabel('Destination', { exact: true }).fill(to);
	await plan.getByRole('button', { name: 'Start restore' }).click();
	await tab.page.getByText(/files? restored and verified/).waitFor({ timeout: 60_000 });
	const name = 'a-note.txt';
	expect(existsSync(path.join(to, name)) && readFileSync(path.join(to, name)).equals(readFileSync(path.join(source, name)))).toBe(true);
	await tab.close();
});

it('all of that has room on a phone', async () => {
	const tab = await open(`/restore?set=${cut}`, PHONE);
	await tab.page.getByText('This backup is incomplete').waitFor();
	expect(await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
});
