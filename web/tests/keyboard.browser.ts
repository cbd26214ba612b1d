import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { focused, walk } from './support/keyboard';
import { addresses } from './support/pages';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;

beforeAll(async () => {
	[server, browser] = await Promise.all([TestServer.start(), openBrowser()]);
	rest = await Rest.setUp(server);
	const library = await rest.addLibrary(server.library('library', { cartridges: 3 }), 'Library');
	const pool = await rest.pool('DAILY');
	await rest.labelAll(library, pool);
	const job = await rest.job('Papers', folder(server, 'papers', 20, 5000), pool);
	await rest.done(await rest.run(job));
	must(await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'Offsite' } }));
	const config = { server: 'http://127.0.0.1:9', topic: 'tapes', token: '', username: '', password: '', ca_certificate: '' } as never;
	const channel = must(await rest.api.POST('/api/v1/notifications/channels', { body: { name: 'phone', kind: 'ntfy', config } }));
	must(await rest.api.POST('/api/v1/notifications/rules', { body: { name: 'everything', channel_ids: [channel.id] } }));
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function open(address: string, options = {}): Promise<Tab> {
	const tab = await Tab.open(browser, server, { reducedMotion: 'reduce', ...options });
	await tab.logIn(ADMIN);
	await tab.goto(address);
	return tab;
}

const { fixed, objects, more } = addresses();
const all = [...fixed, ...objects, ...more];
/** So many walkers at a time. */
const WALKERS = 3;

describe.concurrent('with the Tab key', { timeout: 600_000 }, () => {
	it.each(Array.from({ length: WALKERS }, (_, walker) => walker))('every page is gone through, and what has the focus is seen (%i)', async (walker) => {
		const tab = await open('/');
		const wrong: string[] = [];
		for (const address of all.filter((_, at) => at % WALKERS === walker)) {
			await tab.goto(address);
			const { stops, problems } = await walk(tab.page);
			if (stops.length < 10) wrong.push(`${address}: only ${stops.length} stops: ${stops.join(', ')}`);
			wrong.push(...problems.map((words) => `${address}: ${words}`));
		}
		expect(wrong).toEqual([]);
		await tab.close();
	});
});

it('one key leads past the navigation', async () => {
	const tab = await open('/tapes');
	const { page } = tab;
	await page.keyboard.press('Tab');
	expect(await focused(page)).toBe('Skip to content');
	await page.keyboard.press('Enter');
	await page.keyboard.press('Tab');
	expect(await page.evaluate(() => document.querySelector('main')?.contains(document.activeElement))).toBe(true);
	await tab.close();
});

it('what a menu opens begins in its first field, and gives the focus back', async () => {
	const tab = await open('/pools/1');
	const { page } = tab;
	const button = page.getByRole('main').getByRole('button', { name: 'Actions' });
	await button.focus();
	await page.keyboard.press('Enter');
	await page.getByRole('menuitem', { name: 'Edit' }).waitFor();
	await page.keyboard.press('Enter');
	await page.getByRole('dialog').waitFor();
	await expect.poll(() => focused(page)).toBe('Name');
	await page.keyboard.press('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	await expect.poll(() => focused(page)).toBe('Actions');
	await tab.close();
});

it('a button that opens a panel has the focus again when it is closed, by Escape and by the button', async () => {
	const tab = await open('/pools');
	const { page } = tab;
	for (const close of [() => page.keyboard.press('Escape'), () => page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()]) {
		await page.getByRole('button', { name: 'Create a pool' }).focus();
		await page.keyboard.press('Enter');
		await page.getByRole('dialog').waitFor();
		await expect.poll(() => focused(page)).toBe('Name');
		await close();
		await page.getByRole('dialog').waitFor({ state: 'detached' });
		await expect.poll(() => focused(page)).toBe('Create a pool');
	}
	await tab.close();
});

it('what cannot be chosen in a menu is reached, says why, and does nothing', async () => {
	const tab = await open('/pools/1');
	const { page } = tab;
	await page.getByRole('main').getByRole('button', { name: 'Actions' }).focus();
	await page.keyboard.press('Enter');
	await page.getByRole('menuitem', { name: 'Edit' }).waitFor();
	await page.keyboard.press('ArrowDown');
	await page.keyboard.press('ArrowDown');
	await expect.poll(() => focused(page)).toContain('It has tapes: move them to another pool first.');
	await page.keyboard.press('Enter');
	expect(await page.getByRole('menuitem', { name: /^Delete/ }).getAttribute('aria-disabled')).toBe('true');
	expect(await page.getByRole('dialog').count()).toBe(0);
	await tab.close();
});

it('a question before something is lost is read out with what will be lost', async () => {
	const tab = await open('/tapes/1');
	const { page } = tab;
	await page.getByRole('main').getByRole('button', { name: 'Actions', exact: true }).click();
	await page.getByRole('menuitem', { name: /^Format/ }).click();
	const described = page.getByRole('dialog').and(page.locator('[aria-describedby]'));
	await described.waitFor();
	const words = await described.evaluate((dialog) => document.getElementById(dialog.getAttribute('aria-describedby') ?? '')?.textContent ?? '');
	expect(words).toContain('cannot be brought back');
	await tab.close();
});

it('the palette is opened from everywhere, says how much it found, and gives the focus back', async () => {
	const tab = await open('/tapes');
	const { page } = tab;
	const search = page.getByRole('searchbox', { name: 'Label or bar code' });
	await search.focus();
	await page.keyboard.press('Control+k');
	const field = page.getByRole('combobox', { name: 'Search pages, tapes, jobs and files' });
	await field.waitFor();
	expect(await field.evaluate((input) => input === document.activeElement)).toBe(true);
	await page.keyboard.type('papers');
	await page.getByRole('dialog').getByRole('status').getByText(/^\d+ hits?$/).waitFor();
	await field.fill('nothing is called like that');
	await page.getByRole('dialog').getByRole('status').getByText('Nothing has this name').waitFor();
	await page.keyboard.press('Escape');
	await page.getByRole('dialog').waitFor({ state: 'detached' });
	expect(await search.evaluate((input) => input.contains(document.activeElement))).toBe(true);
	await tab.close();
});

it('folders are gone through without the focus getting lost', async () => {
	const tab = await open('/sources');
	const { page } = tab;
	await page.getByRole('button', { name: 'Create a source' }).first().click();
	const panel = page.getByRole('dialog');
	await panel.getByRole('button', { name: 'Browse' }).click();
	const folders = panel.getByRole('list', { name: 'Folders in /' });
	await folders.getByRole('button', { name: 'usr' }).focus();
	await page.keyboard.press('Enter');
	await panel.getByRole('list', { name: 'Folders in /usr' }).waitFor();
	await expect.poll(() => focused(page)).toBe('Folders in /usr');
	await page.keyboard.press('Tab');
	expect(await panel.getByRole('list', { name: 'Folders in /usr' }).evaluate((list) => list.contains(document.activeElement))).toBe(true);
	await tab.close();
});

it('each step of a new job says which one it is', async () => {
	const tab = await open('/jobs?new=1');
	const { page } = tab;
	await page.getByRole('dialog').getByRole('radio', { name: /Papers/ }).check();
	await page.getByRole('button', { name: 'Next', exact: true }).click();
	await expect.poll(() => focused(page)).toBe('Step 2 of 6: Pool');
	await tab.close();
});

it('a message stays while somebody is at it', async () => {
	const tab = await open('/pools/1');
	const { page } = tab;
	await page.clock.install();
	await page.getByRole('main').getByRole('button', { name: 'Actions' }).click();
	await page.getByRole('menuitem', { name: 'Edit' }).click();
	await page.getByRole('dialog').getByLabel('What it is for').fill('every day');
	await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
	const close = page.getByRole('button', { name: 'Close “Pool changed”' });
	await close.focus();
	await page.clock.runFor(20_000);
	expect(await close.count()).toBe(1);
	await close.blur();
	await page.clock.runFor(20_000);
	expect(await close.count()).toBe(0);
	await tab.close();
});
