import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { Rest } from './support/rest';
import { ADMIN, TestServer } from './support/server';

const MOST_FIRST_LOAD = 250_000;
let server: TestServer;
let browser: Browser;
let rest: Rest;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	await rest.addLibrary(server.library('library'), 'Library');
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

it('loads no more than 250 kB before the first page can be used', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.page.close();
	const page = await tab.page.context().newPage();
	const sizes = new Map<string, number>();
	page.on('response', async (response) => {
		if (!response.url().includes('/api/')) {
			const body = await response.body().catch(() => Buffer.alloc(0));
			const { responseBodySize } = await response.request().sizes();
			// Not every answer tells its size; then what gzip would make of it.
			sizes.set(response.url(), responseBodySize > 0 ? responseBodySize : gzipSync(body).length);
		}
	});
	const started = Date.now();
	await page.goto('/');
	await page.getByRole('heading', { level: 1 }).waitFor();
	const ready = Date.now() - started;
	await page.evaluate(() => document.fonts.ready);
	const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
	console.log(`first load: ${(total / 1000).toFixed(1)} kB compressed in ${sizes.size} files, shown after ${ready} ms`);
	expect(total).toBeLessThan(MOST_FIRST_LOAD);
	expect(total).toBeGreaterThan(20_000);
	await page.context().close();
});

it('leads from page to page on a phone', async () => {
	const tab = await Tab.open(browser, server, PHONE);
	await tab.logIn(ADMIN);
	await tab.goto('/');
	await tab.page.getByLabel('Open navigation').click();
	await tab.page.getByRole('dialog').getByRole('link', { name: 'Tapes' }).click();
	await tab.page.getByRole('heading', { name: 'Tapes', level: 1 }).waitFor();
	await tab.close();
});

it('shows the drives on every page', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/about');
	const drives = tab.page.getByRole('complementary').getByRole('region', { name: 'Drive status' });
	await drives.getByText('Drive 0').waitFor();
	await drives.getByText('Drive 1').waitFor();
	await tab.close();
});

it('finds pages and tapes from the keyboard', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/');
	await tab.page.keyboard.press('Control+k');
	await tab.page.keyboard.type('pools');
	await tab.page.keyboard.press('Enter');
	await tab.page.getByRole('heading', { name: 'Pools', level: 1 }).waitFor();
	await tab.close();
});

it('keeps the theme that was chosen', async () => {
	const tab = await Tab.open(browser, server, { colorScheme: 'light' });
	await tab.logIn(ADMIN);
	const background = () => tab.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
	const light = await background();
	await tab.page.getByRole('button', { name: 'Account and theme' }).click();
	await tab.page.getByRole('menuitemradio', { name: 'Dark' }).click();
	await expect.poll(background).not.toBe(light);
	const dark = await background();
	await tab.page.reload();
	expect(await background()).toBe(dark);
	await tab.close();
});

it('notices when the server goes away, and catches up when it is back', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/about');
	await tab.page.getByRole('region', { name: 'Drive status' }).first().waitFor();
	await server.stop(true);
	await tab.page.getByText('No connection to the server').waitFor();
	server = await server.restarted();
	await tab.page.getByText('No connection to the server').waitFor({ state: 'detached', timeout: 30_000 });
	// What happens now comes through the new line.
	rest = new Rest(server, await tab.token());
	const created = await rest.api.POST('/api/v1/pools', { body: { name: 'After the break', retention_days: 1 } });
	expect(created.response.status).toBe(201);
	await tab.close();
});

it('leaves out what a role may not see', async () => {
	const login = await rest.user('readonly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(login);
	const pages = tab.page.getByRole('navigation', { name: 'Pages' });
	await pages.getByRole('link', { name: 'Tapes' }).waitFor();
	for (const name of ['Users', 'API keys', 'Settings', 'Audit log']) {
		expect(await pages.getByRole('link', { name }).count(), name).toBe(0);
	}
	await tab.close();
});
