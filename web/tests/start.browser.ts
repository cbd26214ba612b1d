import type { Browser, Locator } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';

const MOST_CLICKS = 12;
const MOST_SECONDS = 300;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
	server = await TestServer.start();
	browser = await openBrowser();
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

it('from an empty install to a first verified tape: few clicks, few minutes, no manual', async () => {
	const source = folder(server, 'photos', 40, 100_000);
	const tab = await Tab.open(browser, server);
	let clicks = 0;
	const click = async (target: Locator) => {
		clicks += 1;
		await target.click();
	};
	/** A field that has the focus already needs no click. */
	const type = async (label: string, text: string) => {
		const field = tab.page.getByLabel(label, { exact: true });
		if (!(await field.evaluate((element) => element === document.activeElement))) await click(field);
		await tab.page.keyboard.press('Control+a');
		await tab.page.keyboard.type(text);
	};
	const begun = Date.now();
	await tab.page.goto('/');
	await tab.page.getByRole('heading', { name: 'Welcome' }).waitFor();
	await type('Set-up token', server.setUpToken);
	await type('User name', ADMIN.username);
	await type('Password', ADMIN.password);
	await click(tab.page.getByRole('button', { name: 'Set up' }));

	await tab.page.getByRole('heading', { name: 'First steps', level: 1 }).waitFor();
	await tab.page.getByText('6 steps to go').waitFor({ state: 'attached' });
	await click(tab.page.getByRole('button', { name: 'Make a virtual library' }));
	await click(tab.page.getByRole('button', { name: 'Use pool' }));
	await click(tab.page.getByRole('button', { name: 'Label 6 tapes' }));
	const path = tab.page.getByLabel('Folder on this server');
	await path.waitFor({ timeout: 60_000 });
	await type('Folder on this server', source);
	await click(tab.page.getByRole('button', { name: 'Add the folder' }));
	await click(tab.page.getByRole('button', { name: 'Create the job' }));
	await click(tab.page.getByRole('button', { name: 'Run Photos now' }));
	await tab.page.getByText(/Tape V0000\dL9 is written and verified/).waitFor({ timeout: 120_000 });
	const seconds = (Date.now() - begun) / 1000;
	console.log(`first verified tape: ${clicks} clicks, ${seconds.toFixed(1)} s from the first page`);
	expect(clicks).toBeLessThanOrEqual(MOST_CLICKS);
	expect(seconds).toBeLessThanOrEqual(MOST_SECONDS);
	expect(await tab.accessibilityProblems()).toEqual([]);

	const token = await tab.token();
	const rest = new Rest(server, token);
	const [set] = must(await rest.api.GET('/api/v1/backup-sets'));
	expect(set).toMatchObject({ status: 'completed', file_count: 40 });
	expect(set?.verified_at).toBeTruthy();

	// What is done is not asked for again: neither here nor on the dashboard.
	await tab.goto('/');
	expect(await tab.page.getByRole('link', { name: 'Go on' }).count()).toBe(0);
	await tab.close();
});

it('is left and gone on with from the dashboard, step by step skipped, and put away', async () => {
	const empty = await TestServer.start();
	try {
		const rest = await Rest.setUp(empty);
		const tab = await Tab.open(browser, empty, PHONE);
		await tab.logIn(ADMIN);
		await tab.page.getByText('Begin here').waitFor();
		await tab.page.getByRole('link', { name: 'First steps' }).click();
		await tab.page.getByText('6 steps to go').waitFor({ state: 'attached' });
		await tab.page.getByRole('button', { name: 'Skip this step' }).click();
		await tab.page.getByText('5 steps to go').waitFor({ state: 'attached' });
		await tab.goto('/');
		await tab.page.getByRole('link', { name: 'Go on' }).click();
		// What was made elsewhere meanwhile counts.
		const made = await rest.api.POST('/api/v1/libraries/virtual', { body: { name: 'Elsewhere', cartridges: 2, capacity_bytes: 100_000_000 } });
		await rest.labelAll(must(made).id, await rest.pool('WEEKLY'));
		await tab.page.getByText('3 steps to go').waitFor({ state: 'attached' });
		await tab.page.getByLabel('Folder on this server').fill('/does/not/exist');
		await tab.page.getByRole('button', { name: 'Add the folder' }).click();
		await tab.page.getByRole('alert').waitFor();
		const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
		expect(wide).toBeLessThanOrEqual(0);
		await tab.page.getByRole('button', { name: 'I know my way' }).click();
		await tab.page.getByRole('heading', { name: 'Dashboard', level: 1 }).waitFor();
		expect(await tab.page.getByText('The first steps are not done yet').count()).toBe(0);
		await tab.close();
	} finally {
		await empty.stop();
	}
});
