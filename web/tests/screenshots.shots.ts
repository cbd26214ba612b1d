import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { busyHouse } from './support/seed';
import { ADMIN, TestServer } from './support/server';

/** Where the pictures go. */
const FOLDER = path.resolve(import.meta.dirname, '../../target/screenshots');
/** Only the pages whose path contains this: SHOTS=/tapes */
const ONLY = process.env.SHOTS ?? '';
/** Pages that the navigation does not name. */
const MORE = [
	...['/tapes/1', '/tapes/labels', '/drives/1', '/pools/1', '/library?view=table'],
	...['/sources/1', '/jobs/1', '/jobs?new=1&source=1'],
	...['/keys/1', '/keys/sheet', '/docs/manual-recovery', '/docs?q=encrypted']
];
/** What is to be seen before there is anything. */
const EMPTY = [
	...['/', '/start', '/library', '/drives', '/tapes', '/pools'],
	...['/sources', '/jobs'],
	...['/keys', '/api-keys', '/events', '/database']
];
const VIEWS = [
	{ name: 'desktop-light', options: { colorScheme: 'light' } },
	{ name: 'desktop-dark', options: { colorScheme: 'dark' } },
	{ name: 'phone-light', options: { ...PHONE, colorScheme: 'light' } },
	{ name: 'phone-dark', options: { ...PHONE, colorScheme: 'dark' } }
] as const;

/** What the page that restores shows besides the folders of the newest backup. */
const RESTORE = ['/restore?path=part-0', '/restore?q=file-1', '/restore?view=history'];

let empty: TestServer;
let busy: TestServer;
let browser: Browser;
/** Runs whose pages are shown, by the names of their pictures. */
let runs: Record<string, number>;

beforeAll(async () => {
	mkdirSync(FOLDER, { recursive: true });
	empty = await TestServer.start();
	busy = await TestServer.start();
	browser = await openBrowser();
	await Rest.setUp(empty);
	const rest = await Rest.setUp(busy);
	await rest.api.POST('/api/v1/encryption-keys', { body: { name: 'Offsite', description: 'For tapes that leave the house' } });
	await rest.api.POST('/api/v1/api-keys', { body: { name: 'Monitoring', role: 'readonly', expires_in_days: 90 } });
	const house = await busyHouse(busy, rest);
	const of = async (query: { status: string; kind: string }) =>
		must(await rest.api.GET('/api/v1/executions', { params: { query } }))[0]?.id ?? 0;
	const [failed, completed] = [await of({ status: 'failed', kind: 'backup' }), await of({ status: 'completed', kind: 'backup' })];
	runs = { running: house.running, waiting: house.waiting, failed, completed };
}, 300_000);
afterAll(async () => {
	await browser?.close();
	await Promise.all([empty?.stop(), busy?.stop()]);
});

async function shoot(tab: Tab, name: string, page: string, called?: string): Promise<void> {
	if (!page.includes(ONLY)) return;
	await tab.goto(page);
	const file = called ?? (page === '/' ? 'dashboard' : page.slice(1).replace(/[/?=&]/g, '-'));
	await tab.page.screenshot({ path: path.join(FOLDER, `${file}.${name}.png`), fullPage: true });
}

it('takes a picture of every page', async () => {
	for (const view of VIEWS) {
		const tab = await Tab.open(browser, busy, view.options);
		await tab.page.goto('/login');
		if (!ONLY) await tab.page.screenshot({ path: path.join(FOLDER, `login.${view.name}.png`) });
		await tab.logIn(ADMIN);
		if (view.name.startsWith('phone')) await tab.page.getByLabel('Open navigation').click();
		const links = tab.page.getByRole('navigation', { name: 'Pages' }).getByRole('link');
		const pages = await links.evaluateAll((all) => all.map((link) => link.getAttribute('href') ?? ''));
		for (const page of [...pages, ...MORE]) {
			await shoot(tab, view.name, page);
		}
		for (const page of RESTORE) await shoot(tab, view.name, page);
		for (const [called, id] of Object.entries(runs)) await shoot(tab, view.name, `/runs/${id}`, `run-${called}`);
		if ('/tape-change'.includes(ONLY)) {
			await tab.goto('/pools');
			await tab.page.getByRole('button', { name: /waiting/ }).click();
			await tab.page.getByRole('dialog').getByText('Waiting since').waitFor();
			await tab.page.screenshot({ path: path.join(FOLDER, `tape-change.${view.name}.png`) });
		}
		await tab.close();
	}
	for (const view of VIEWS.slice(0, 1)) {
		const tab = await Tab.open(browser, empty, view.options);
		await tab.logIn(ADMIN);
		for (const page of EMPTY) await shoot(tab, `empty.${view.name}`, page);
		await tab.close();
	}
});
