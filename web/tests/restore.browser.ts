import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
let source: string;
let library: number;
let first: number;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	library = await rest.addLibrary(server.library('library'), 'Library');
	const pool = await rest.pool('DAILY');
	await rest.labelAll(library, pool);
	source = folder(server, 'papers', 160, 3000);
	mkdirSync(path.join(source, 'many'));
	for (let number = 0; number < 450; number += 1) writeFileSync(path.join(source, 'many', `n-${String(number).padStart(4, '0')}.txt`), `${number}`);
	writeFileSync(path.join(source, 'diary.txt'), 'the first version');
	const job = await rest.job('Papers', source, pool);
	await rest.done(await rest.run(job));
	first = must(await rest.api.GET('/api/v1/backup-sets', { params: { query: { job_id: job } } }))[0]?.id ?? 0;
	writeFileSync(path.join(source, 'diary.txt'), 'the second version, which is longer');
	await rest.done(await rest.run(job, 'incremental'));
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function restorePage(address = '/restore'): Promise<Tab> {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(address);
	return tab;
}

const tick = (tab: Tab, name: string) => tab.page.getByRole('checkbox', { name: `Restore ${name}`, exact: true });

/** From the plan to the page of the restore; returns the destination. */
async function start(tab: Tab, name: string): Promise<string> {
	const to = server.path('restored', name);
	await tab.page.getByRole('button', { name: /^Plan restore/ }).click();
	const panel = tab.page.getByRole('dialog', { name: 'Restore plan' });
	await panel.getByRole('list', { name: 'Tapes in order' }).first().waitFor();
	await panel.getByLabel('Destination', { exact: true }).fill(to);
	await panel.getByRole('button', { name: 'Start restore' }).click();
	return to;
}

const same = (to: string, name: string) =>
	expect(readFileSync(path.join(to, name)).equals(readFileSync(path.join(source, name))), name).toBe(true);

it('restores a folder but for one file, by its tree, with the same bytes', async () => {
	const tab = await restorePage();
	await tick(tab, 'part-1').check();
	await tab.page.getByRole('link', { name: 'part-1', exact: true }).click();
	await tick(tab, 'file-60.dat').uncheck();
	expect(await tick(tab, 'all of part-1').evaluate((box) => (box as HTMLInputElement).indeterminate)).toBe(true);
	await tab.page.goBack();
	expect(await tick(tab, 'part-1').evaluate((box) => (box as HTMLInputElement).indeterminate)).toBe(true);
	await tab.page.getByRole('button', { name: 'Plan restore of 1 item' }).click();
	const panel = tab.page.getByRole('dialog', { name: 'Restore plan' });
	await panel.getByText('49 files').first().waitFor();
	await panel.getByText(/in library Library, (mail )?slot|in drive/).first().waitFor();
	await panel.getByLabel('Destination', { exact: true }).fill('not/absolute');
	await panel.getByText('A path on the server from the root').waitFor();
	expect(await panel.getByRole('button', { name: 'Start restore' }).getAttribute('aria-disabled')).toBe('true');
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.page.keyboard.press('Escape');
	const to = await start(tab, 'tree');
	await tab.page.getByText('49 files restored and verified.').waitFor({ timeout: 60_000 });
	expect(await tab.accessibilityProblems()).toEqual([]);
	for (let number = 50; number < 100; number += 1) {
		const name = `part-1/file-${number}.dat`;
		if (number === 60) expect(existsSync(path.join(to, name))).toBe(false);
		else same(to, name);
	}
	expect(existsSync(path.join(to, 'diary.txt'))).toBe(false);
	await tab.page.goto('/restore?view=history');
	await tab.page.getByRole('table', { name: 'Past restores' }).getByText('49 of 49').waitFor();
	await tab.close();
});

it('keeps what is ticked between search and folders, and restores both', async () => {
	const tab = await restorePage('/restore?q=file-7.dat');
	const hit = tab.page.getByRole('list', { name: 'Paths found' }).getByRole('listitem').filter({ has: tick(tab, 'part-0/file-7.dat') });
	await hit.getByText(/never verified/).first().waitFor();
	await hit.getByText(/in library Library, (mail )?slot|in drive/).first().waitFor();
	await tick(tab, 'part-0/file-7.dat').check();
	await tab.page.getByRole('button', { name: 'Back to folders' }).click();
	await tick(tab, 'diary.txt').check();
	expect(await tick(tab, 'part-0').evaluate((box) => (box as HTMLInputElement).indeterminate)).toBe(true);
	await tab.page.getByRole('searchbox').fill('diary');
	await expect.poll(() => tick(tab, 'diary.txt').isChecked()).toBe(true);
	const to = await start(tab, 'search');
	await tab.page.getByText('2 files restored and verified.').waitFor({ timeout: 60_000 });
	same(to, 'part-0/file-7.dat');
	same(to, 'diary.txt');
	await tab.close();
});

it('lets the destination be chosen among the folders of the server', async () => {
	mkdirSync(server.path('picked', 'inner'), { recursive: true });
	const tab = await restorePage();
	await tick(tab, 'diary.txt').check();
	await tab.page.getByRole('button', { name: /^Plan restore/ }).click();
	const panel = tab.page.getByRole('dialog', { name: 'Restore plan' });
	await panel.getByLabel('Destination', { exact: true }).fill(server.path('picked'));
	await panel.getByRole('button', { name: 'Browse' }).click();
	const picker = panel.getByRole('group', { name: 'Folders of the server' });
	await picker.getByRole('button', { name: 'inner' }).click();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await picker.getByRole('button', { name: 'Use this folder' }).click();
	expect(await panel.getByLabel('Destination', { exact: true }).inputValue()).toBe(server.path('picked', 'inner'));
	await panel.getByRole('list', { name: 'Tapes in order' }).first().waitFor();
	await panel.getByRole('button', { name: 'Start restore' }).click();
	await tab.page.getByText('1 file restored and verified.').waitFor({ timeout: 60_000 });
	same(server.path('picked', 'inner'), 'diary.txt');
	await tab.close();
});

it('restores an older version of a file', async () => {
	const tab = await restorePage();
	await tab.page.getByRole('button', { name: 'Versions of diary.txt' }).click();
	const panel = tab.page.getByRole('dialog', { name: 'Versions' });
	await expect.poll(() => panel.getByRole('checkbox').count()).toBe(2);
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel.getByRole('checkbox').last().check();
	await tab.page.keyboard.press('Escape');
	const to = await start(tab, 'version');
	await tab.page.getByText('1 file restored and verified.').waitFor({ timeout: 60_000 });
	expect(readFileSync(path.join(to, 'diary.txt'), 'utf8')).toBe('the first version');
	await tab.close();
});

it('shows a set of an address, and a folder that is larger than a page', async () => {
	const tab = await restorePage(`/restore?set=${first}&path=many`);
	await tab.page.getByText('450 entries').waitFor();
	const rows = tab.page.getByRole('table', { name: 'Files in many' }).locator('tbody tr.row');
	expect(await rows.count()).toBeLessThan(100);
	await tab.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
	await tab.page.getByText('n-0449.txt').waitFor();
	await tab.page.goto('/restore?job=1&as_of=2001-01-01T00:00:00Z');
	await tab.page.getByRole('alert').getByText('was completed by').waitFor();
	await tab.close();
});

it('names what did not come back', async () => {
	const blocked = server.path('restored', 'blocked');
	mkdirSync(path.join(blocked, 'part-0/file-3.dat/in the way'), { recursive: true });
	const tab = await restorePage();
	await tick(tab, 'part-0').check();
	await tab.page.getByRole('button', { name: /^Plan restore/ }).click();
	const panel = tab.page.getByRole('dialog', { name: 'Restore plan' });
	await panel.getByLabel('Destination', { exact: true }).fill(blocked);
	await panel.getByText('Replace them').click();
	await panel.getByRole('list', { name: 'Tapes in order' }).waitFor();
	await panel.getByRole('button', { name: 'Start restore' }).click();
	await tab.page.getByRole('list', { name: 'Files that are not there' }).getByText('part-0/file-3.dat').waitFor({ timeout: 60_000 });
	await tab.page.getByText('49 files restored and verified.').waitFor();
	await tab.close();
});

it('asks for a tape that is not there, and goes on when it is', async () => {
	const set = must(await rest.api.GET('/api/v1/backup-sets/{id}', { params: { path: { id: first } } }));
	const tape = must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: set.tape_id } } }));
	const barcode = tape.barcode ?? '';
	if (tape.drive_id) must(await rest.api.POST('/api/v1/drives/{id}/eject', { params: { path: { id: tape.drive_id }, query: { wait: true } } }));
	const look = () => rest.api.POST('/api/v1/libraries/{id}/inventory', { params: { path: { id: library }, query: { wait: true } } });
	must(await look());
	server.toShelf('library', barcode);
	must(await look());

	const tab = await restorePage();
	await tick(tab, 'diary.txt').check();
	await tab.page.getByRole('button', { name: /^Plan restore/ }).click();
	await tab.page.getByText('1 tape has to be brought by you.').waitFor();
	await tab.page.keyboard.press('Escape');
	const to = await start(tab, 'asked');
	const wanted = tab.page.getByRole('region', { name: 'What it waits for' });
	await wanted.getByText(barcode).first().waitFor({ timeout: 30_000 });
	expect(await tab.accessibilityProblems()).toEqual([]);
	server.intoLibrary('library', barcode);
	await wanted.getByRole('button', { name: 'Answer' }).click();
	const asked = tab.page.getByRole('dialog', { name: `Bring tape ${barcode}` });
	await asked.getByText('Waiting for').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await asked.getByRole('button', { name: 'I have put it in' }).click();
	await asked.getByText(/is there/).waitFor({ timeout: 30_000 });
	await tab.page.keyboard.press('Escape');
	await tab.page.getByText('1 file restored and verified.').waitFor({ timeout: 60_000 });
	same(to, 'diary.txt');
	await tab.close();
});

it('is found from everywhere with the keyboard', async () => {
	const tab = await restorePage('/about');
	await tab.page.keyboard.press('Control+k');
	await tab.page.keyboard.type('diary.txt');
	await tab.page.getByRole('option').filter({ hasText: 'diary.txt' }).click();
	await tab.page.getByRole('list', { name: 'Paths found' }).getByText('diary.txt').first().waitFor();
	expect(new URL(tab.page.url()).searchParams.get('q')).toBe('diary.txt');
	await tab.close();
});

const PAGES = ['/restore', '/restore?path=part-0', '/restore?q=file-1', '/restore?view=history'];
inOrderInEveryView(() => ({ browser, server, pages: PAGES }));

it('lets those who may only read browse, and says why they cannot restore', async () => {
	const login = await rest.user('readonly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(login);
	await tab.goto('/restore');
	await tick(tab, 'diary.txt').check();
	const button = tab.page.getByRole('button', { name: /^Plan restore/ });
	expect(await button.getAttribute('aria-disabled')).toBe('true');
	expect(await button.getAttribute('title')).toContain('operator');
	await tab.close();
});
