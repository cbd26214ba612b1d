import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
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
/** Tapes by what their cartridges went through. */
let worn: { id: number; label: string };
let failing: { id: number; label: string };
let drive: number;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	const at = server.library('library', { drives: 1, cartridges: 3, capacity: '200M' });
	const files = readdirSync(path.join(at, 'cartridges')).filter((file) => file.endsWith('.json') && !file.startsWith('CLN')).sort();
	const went = (file: string | undefined, through: object) => {
		const name = path.join(at, 'cartridges', file ?? '');
		writeFileSync(name, JSON.stringify({ ...JSON.parse(readFileSync(name, 'utf8')), ...through }));
	};
	went(files[0], { load_count: 19_000 });
	went(files[1], { load_count: 40, write_errors: 3 });
	const library = await rest.addLibrary(at, 'Library', 1);
	const pool = await rest.pool('DAILY');
	await rest.labelAll(library, pool);
	const tapes = must(await rest.api.GET('/api/v1/tapes'));
	const tape = (file: string | undefined) => {
		const found = tapes.find((one) => one.barcode === file?.replace('.json', ''));
		if (!found) throw new Error(`no tape ${file}`);
		return { id: found.id, label: found.label };
	};
	[worn, failing] = [tape(files[0]), tape(files[1])];
	drive = must(await rest.api.GET('/api/v1/drives'))[0]?.id ?? 0;
	const job = await rest.job('Papers', folder(server, 'papers', 20, 50_000), pool);
	for (const one of [worn, failing, worn]) {
		const run = must(await rest.api.POST('/api/v1/jobs/{id}/run', { params: { path: { id: job } }, body: { tape_id: one.id, backup_type: 'full' } }));
		await rest.done(run.execution_id);
		must(await rest.api.POST('/api/v1/drives/{id}/eject', { params: { path: { id: drive }, query: { wait: true } } }));
	}
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

it('a tape says how much of its life is used, and what happened each time in a drive', async () => {
	const tab = await open(`/tapes/${worn.id}`);
	const card = tab.page.getByRole('region', { name: 'Health' });
	await card.getByText('Worn', { exact: true }).waitFor();
	await card.getByText(/It was loaded 190\d\d times; it is made for 20000/).waitFor();
	expect(Number(await card.getByRole('meter').getAttribute('aria-valuenow'))).toBe(95);
	await card.getByText(/times in a drive$/).click();
	const rows = card.getByRole('table').locator('tbody tr.row');
	expect(await rows.count()).toBe(3);
	await rows.first().getByRole('link', { name: 'Drive 0' }).waitFor();
	// What was written in each, and not in the whole life.
	expect(await rows.first().locator('td').nth(2).textContent()).toMatch(/^1\.0\d MB|^1\.\d+ MB/);
	await card.getByRole('img', { name: /^Capacity that drives made use of/ }).waitFor();
	await tab.goto(`/tapes/${failing.id}`);
	await card.getByText('Loses data', { exact: true }).waitFor();
	await card.getByText(/gave up writing 3 times/).waitFor();
	await tab.close();
});

it('a drive says what it counted of the tapes in it', async () => {
	const tab = await open(`/drives/${drive}`);
	const table = tab.page.getByRole('table', { name: 'Tapes that lay in this drive' });
	await table.getByRole('link', { name: worn.label }).first().waitFor();
	await table.getByRole('link', { name: failing.label }).first().click();
	await tab.page.getByRole('heading', { level: 1, name: failing.label }).waitFor();
	await tab.close();
});

it('worn tapes and tapes that lose data need attention, and are on the page of coverage, the worst first', async () => {
	const tab = await open('/');
	const attention = tab.page.getByRole('region', { name: 'Needs attention' });
	await attention.getByText(`Tape ${worn.label} is worn`).waitFor();
	await attention.getByText(`Tape ${failing.label} loses data`).click();
	await tab.page.getByRole('heading', { level: 1, name: failing.label }).waitFor();
	await tab.goto('/coverage');
	await tab.page.getByText('2 tapes are worn or lose data').waitFor();
	const rows = tab.page.getByRole('table', { name: 'Most worn tapes' }).locator('tbody tr.row');
	await rows.nth(0).getByText('Loses data').waitFor();
	await rows.nth(1).getByText('Worn').waitFor();
	await tab.page.getByRole('table', { name: 'Tapes that expire next' }).getByText(worn.label).waitFor();
	await tab.close();
});

it('pages that are open hear of what is changed elsewhere', async () => {
	const tab = await open('/pools');
	const created = must(await rest.api.POST('/api/v1/pools', { body: { name: 'FRESH', retention_days: 3 } }));
	await tab.page.getByRole('link', { name: 'FRESH' }).waitFor();
	await tab.page.getByRole('link', { name: 'FRESH' }).click();
	await tab.page.getByRole('heading', { level: 1, name: 'FRESH' }).waitFor();
	must(await rest.api.PUT('/api/v1/pools/{id}', { params: { path: { id: created.id } }, body: { name: 'STALE' } }));
	await tab.page.getByRole('heading', { level: 1, name: 'STALE' }).waitFor();
	await tab.goto('/jobs/1');
	must(await rest.api.PUT('/api/v1/jobs/{id}', { params: { path: { id: 1 } }, body: { name: 'Letters' } }));
	await tab.page.getByRole('heading', { level: 1, name: 'Letters' }).waitFor();
	await tab.goto('/sources/1');
	must(await rest.api.PUT('/api/v1/sources/{id}', { params: { path: { id: 1 } }, body: { name: 'Desk' } }));
	await tab.page.getByRole('heading', { level: 1, name: 'Desk' }).waitFor();
	await tab.close();
});

inOrderInEveryView(() => ({ browser, server, pages: [`/tapes/${worn.id}`, `/tapes/${failing.id}`, `/drives/${drive}`, '/coverage', '/'] }));
