import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';
import { inOrderInEveryView } from './support/views';

let server: TestServer;
let browser: Browser;
let rest: Rest;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	const library = await rest.addLibrary(server.library('library'), 'Library');
	const [daily, weekly] = [await rest.pool('DAILY'), await rest.pool('WEEKLY')];
	await rest.labelAll(library, daily);
	const tapes = must(await rest.api.GET('/api/v1/tapes'));
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: tapes.slice(3).map((tape) => tape.id), pool_id: weekly } }));
	const twice = await rest.job('Twice', folder(server, 'twice', 20, 10_000), daily);
	await rest.done(await rest.run(twice));
	const once = await rest.job('Once', folder(server, 'once', 5, 10_000), daily);
	await rest.done(await rest.run(once));
	const set = must(await rest.api.GET('/api/v1/backup-sets', { params: { query: { job_id: twice } } }))[0]?.id ?? 0;
	const copied = must(await rest.api.POST('/api/v1/backup-sets/{id}/copy', { params: { path: { id: set }, query: { wait: false } }, body: { pool_id: weekly } }));
	await rest.done((copied as { execution_id: number }).execution_id);
	const body = { name: 'Forgotten', path: server.path('sources', 'once'), source_type: 'local' as const };
	must(await rest.api.POST('/api/v1/sources', { body }));
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function open(options = {}): Promise<Tab> {
	const tab = await Tab.open(browser, server, options);
	await tab.logIn(ADMIN);
	await tab.goto('/coverage');
	await tab.page.getByText(/^counted/).waitFor();
	return tab;
}

it('says how many copies there are, and which source has none', async () => {
	const tab = await open();
	const everything = tab.page.getByRole('region', { name: 'Copies of everything' });
	const bar = everything.getByRole('img', { name: /^Copies of everything/ });
	expect(await bar.getAttribute('aria-label')).toContain('On one tape: 5 files, 50.0 kB; On two or more: 20 files, 200 kB');
	const row = (name: string) => tab.page.getByRole('table', { name: 'Sources' }).locator('tbody tr').filter({ hasText: name });
	expect(await row('Forgotten').textContent()).toContain('Never backed up');
	expect(await row('Forgotten').textContent()).toContain('no job');
	await tab.page.getByText('1 source without a recent backup').waitFor();
	expect(await row('Twice').getByRole('img').getAttribute('aria-label')).toContain('On two or more: 20 files');
	expect(await row('Once').getByRole('img').getAttribute('aria-label')).toContain('On one tape: 5 files');
	await tab.page.getByRole('table', { name: 'Tapes longest without verification' }).locator('tbody tr').first().getByText('never').waitFor();
	await tab.close();
});

it('follows what happens to tapes', async () => {
	const tab = await open();
	const [copy] = must(await rest.api.GET('/api/v1/tapes', { params: { query: { sort: '-used' } } })).filter((tape) => tape.pool_name === 'WEEKLY');
	must(await rest.api.POST('/api/v1/tapes/{id}/export', { params: { path: { id: copy?.id ?? 0 } }, body: { offsite_location: 'Bank' } }));
	const offsite = tab.page.getByRole('region', { name: 'Copies of everything' }).locator('.figure').filter({ hasText: 'With a copy off-site' });
	await expect.poll(() => offsite.textContent(), { timeout: 20_000 }).toContain('20 files');
	await tab.close();
});

inOrderInEveryView(() => ({ browser, server, pages: ['/coverage'] }));
