import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let library: number;
/** A tape with sets of two jobs, one of them copied to another tape. */
let tape: { id: number; label: string; barcode: string };
let onlyThere: number;

beforeAll(async () => {
	[server, browser] = await Promise.all([TestServer.start(), openBrowser()]);
	rest = await Rest.setUp(server);
	const at = server.library('library', { drives: 1, cartridges: 4, capacity: '200M' });
	const cartridges = readdirSync(path.join(at, 'cartridges')).filter((file) => file.endsWith('.json') && !file.startsWith('CLN')).sort();
	const last = path.join(at, 'cartridges', cartridges.at(-1) ?? '');
	writeFileSync(last, JSON.stringify({ ...JSON.parse(readFileSync(last, 'utf8')), kind: 'worm' }));
	library = await rest.addLibrary(at, 'Library', 1);
	const [daily, weekly] = [await rest.pool('DAILY'), await rest.pool('WEEKLY')];
	await rest.labelAll(library, daily);
	const tapes = must(await rest.api.GET('/api/v1/tapes', { params: { query: { sort: 'label' } } }));
	must(await rest.api.POST('/api/v1/tapes/batch-update', { body: { tape_ids: [tapes[1]?.id ?? 0], pool_id: weekly } }));
	const first = tapes[0];
	tape = { id: first?.id ?? 0, label: first?.label ?? '', barcode: first?.barcode ?? '' };
	const papers = await rest.job('Papers', folder(server, 'papers', 20, 50_000), daily);
	const pictures = await rest.job('Pictures', folder(server, 'pictures', 10, 50_000), daily);
	for (const job of [papers, pictures]) {
		const run = must(await rest.api.POST('/api/v1/jobs/{id}/run', { params: { path: { id: job } }, body: { tape_id: tape.id, backup_type: 'full' } }));
		await rest.done(run.execution_id);
	}
	const newest = async (job: number) => must(await rest.api.GET('/api/v1/backup-sets', { params: { query: { job_id: job } } }))[0]?.id ?? 0;
	onlyThere = await newest(pictures);
	const copying = must(await rest.api.POST('/api/v1/backup-sets/{id}/copy', { params: { path: { id: await newest(papers) }, query: { wait: false } }, body: { pool_id: weekly } }));
	await rest.done((copying as { execution_id: number }).execution_id);
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function open(login: typeof ADMIN, address: string, options = {}): Promise<Tab> {
	const tab = await Tab.open(browser, server, options);
	await tab.logIn(login);
	await tab.goto(address);
	return tab;
}
const actions = (page: Page) => page.getByRole('main').getByRole('button', { name: 'Actions', exact: true });
const main = (page: Page) => page.getByRole('main');

it('giving a tape up says what is lost with it, and wants its name; one that is here only when it is beyond use', async () => {
	const tab = await open(ADMIN, `/tapes/${tape.id}`);
	const { page } = tab;
	await actions(page).click();
	await page.getByRole('menuitem', { name: 'Give up for lost' }).click();
	const confirm = page.getByRole('dialog');
	await confirm.getByText('1 backup set of Papers, Pictures cannot be restored in full any more').waitFor();
	await confirm.getByText('1 set is on other tapes too and is restored from there').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	const button = confirm.getByRole('button', { name: 'Give up' });
	await confirm.getByLabel(`Type “${tape.label}” to confirm`).fill(tape.label);
	expect(await button.getAttribute('aria-disabled'), 'it is in the library').toBe('true');
	await confirm.getByRole('checkbox', { name: /^It can never be read again/ }).check();
	await confirm.getByLabel('What became of it').fill('water damage');
	await button.click();
	const notice = main(page).getByRole('status').filter({ hasText: 'given up for lost' });
	await notice.getByText('water damage').waitFor();
	await notice.getByText('1 set on it cannot be restored in full any more').waitFor();
	await notice.getByText('1 set is restored from copies on other tapes').waitFor();
	await notice.getByText('The next run of Pictures is a full backup because of it').waitFor();
	const now = must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: tape.id } } }));
	expect(now).toMatchObject({ lost_reason: 'water damage' });
	expect(now.lost_at).toBeTruthy();
	expect(await page.getByRole('button', { name: /^Verify/ }).getAttribute('title')).toBe('It was given up for lost.');
	expect(await tab.problemsOfPage()).toEqual([]);
	await tab.close();
});

it('it is lost wherever it is listed, and so are the sets that only it has', async () => {
	const tab = await open(ADMIN, '/tapes');
	const { page } = tab;
	await page.getByRole('row').filter({ hasText: tape.label }).getByText('Lost', { exact: true }).waitFor();
	await page.getByLabel('State', { exact: true }).selectOption('Lost');
	await page.getByText('1 tape', { exact: true }).waitFor();
	await page.getByRole('row').filter({ hasText: tape.label }).getByText('Lost', { exact: true }).waitFor();
	await tab.goto('/library?view=table');
	await page.getByRole('row').filter({ hasText: tape.label }).getByText('Lost', { exact: true }).waitFor();
	await tab.goto('/library');
	await page.getByRole('button', { name: new RegExp(`${tape.barcode}.*, lost,`) }).click();
	await page.getByRole('dialog').getByText('It was given up for lost, and is here').waitFor();
	await tab.goto('/coverage');
	const doubtful = page.getByRole('table', { name: 'Doubtful tapes' });
	await doubtful.getByRole('row').filter({ hasText: tape.label }).getByText('Lost', { exact: true }).waitFor();
	await tab.goto(`/tapes/${tape.id}`);
	const sets = page.getByRole('table', { name: `Sets on ${tape.label}` });
	await sets.getByRole('row').filter({ hasText: 'Pictures' }).getByText('Lost', { exact: true }).waitFor();
	await sets.getByRole('row').filter({ hasText: 'Papers' }).getByText('Complete', { exact: true }).waitFor();
	await tab.close();
});

it('a plan names the tape that is lost and what does not come back', async () => {
	const tab = await open(ADMIN, `/restore?set=${onlyThere}`);
	const { page } = tab;
	await page.getByText('Something of this backup is lost').waitFor();
	await page.getByText(`parts of it are on ${tape.label}`).waitFor();
	expect(await tab.problemsOfPage()).toEqual([]);
	await page.getByRole('checkbox', { name: 'Restore everything', exact: true }).check();
	await page.getByRole('button', { name: /^Plan restore/ }).click();
	const plan = page.getByRole('dialog', { name: 'Restore plan' });
	await plan.getByText(`Tape ${tape.label} is lost.`).waitFor();
	await plan.getByText(/files? cannot be brought back/).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
});

it('all of that has room on a phone, and who may only read cannot say it was found', async () => {
	const reader = await rest.user('readonly');
	const tab = await open(reader, `/tapes/${tape.id}`, PHONE);
	expect(await tab.page.getByRole('button', { name: /^Found again/ }).getAttribute('title')).toContain('needs an operator');
	expect(await tab.problemsOfPage()).toEqual([]);
	await tab.goto('/tapes');
	expect(await tab.problemsOfPage()).toEqual([]);
	await tab.close();
});

it('it is found again, and everything is as before', async () => {
	const tab = await open(await rest.user('operator'), `/tapes/${tape.id}`);
	const { page } = tab;
	await page.getByRole('button', { name: 'Found again' }).click();
	await page.getByText('Verify it before you rely on it').waitFor();
	await expect.poll(() => page.getByText('given up for lost').count()).toBe(0);
	await page.getByRole('table', { name: `Sets on ${tape.label}` }).getByRole('row').filter({ hasText: 'Pictures' }).getByText('Complete', { exact: true }).waitFor();
	const now = must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: tape.id } } }));
	expect(now.lost_at ?? null).toBeNull();
	await tab.close();
});

it('a write-once tape says so, and is not formatted', async () => {
	const worm = must(await rest.api.GET('/api/v1/tapes')).find((one) => one.write_once);
	expect(worm, 'its drive told').toBeDefined();
	const tab = await open(ADMIN, '/tapes');
	const { page } = tab;
	await page.getByRole('row').filter({ hasText: worm?.label ?? '' }).getByText('WORM', { exact: true }).waitFor();
	await tab.goto(`/tapes/${worm?.id}`);
	await page.getByText(/, write once$/).waitFor();
	await actions(page).click();
	const format = page.getByRole('menuitem', { name: /^Format/ });
	expect(await format.getAttribute('aria-disabled')).toBe('true');
	await page.keyboard.press('Escape');
	await tab.close();
});
