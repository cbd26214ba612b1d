import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { folder } from './support/seed';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let documents: string;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	documents = folder(server, 'documents', 120, 1000);
	folder(server, 'music', 3, 10);
});
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

async function source(name: string) {
	const all = must(await rest.api.GET('/api/v1/sources'));
	return all.find((one) => one.name === name);
}

it('an empty page has the button; a source is made with the picker, and its preview follows the patterns', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/sources');
	await tab.page.getByText('No sources yet').waitFor();
	await tab.page.getByRole('main').getByRole('button', { name: 'Create a source' }).last().click();
	const panel = tab.page.getByRole('dialog');
	await panel.getByLabel('Folder', { exact: true }).fill(server.path('sources'));
	await panel.getByRole('button', { name: 'Browse' }).click();
	const picker = panel.getByRole('group', { name: 'Folders of the server' });
	await picker.getByRole('button', { name: 'music' }).waitFor();
	await picker.getByLabel('Filter folders').fill('DOCU');
	await picker.getByRole('button', { name: 'music' }).waitFor({ state: 'detached' });
	await picker.getByRole('button', { name: 'documents' }).click();
	await picker.getByRole('button', { name: 'part-1' }).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await picker.getByRole('button', { name: 'Use this folder' }).click();
	expect(await panel.getByLabel('Folder', { exact: true }).inputValue()).toBe(documents);
	expect(await panel.getByLabel('Name', { exact: true }).inputValue()).toBe('documents');

	const preview = panel.getByRole('region', { name: 'What is selected' });
	await preview.getByText('120', { exact: true }).waitFor();
	await preview.getByText('120 kB').waitFor();
	await panel.getByLabel(/Leave out what matches/).fill('part-0/\nfile-119.dat');
	await preview.getByText('69', { exact: true }).waitFor();
	await panel.getByLabel(/Only what matches/).fill('[');
	await preview.getByRole('alert').waitFor();
	await panel.getByLabel(/Only what matches/).fill('*.nothing');
	await preview.getByText('Nothing is selected').waitFor();
	await panel.getByLabel(/Only what matches/).fill('');
	await preview.getByText('69', { exact: true }).waitFor();
	await panel.getByRole('button', { name: 'Test' }).click();
	await panel.getByText('It is there and can be read.').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await panel.getByRole('button', { name: 'Create source' }).click();
	await tab.page.getByRole('heading', { name: 'documents', level: 1 }).waitFor();
	expect(await source('documents')).toMatchObject({ path: documents, exclude: ['part-0/', 'file-119.dat'], include: [] });
	await tab.page.getByRole('main').getByText('69', { exact: true }).waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
});

it('a share that is not mounted is told, and not saved', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/sources');
	await tab.page.getByRole('button', { name: 'Create a source' }).first().click();
	const panel = tab.page.getByRole('dialog');
	await panel.getByLabel('Where it is').selectOption('nfs');
	await panel.getByLabel('Folder', { exact: true }).fill(documents);
	await panel.getByLabel('Name', { exact: true }).fill('share');
	await panel.getByRole('button', { name: 'Test' }).click();
	await panel.getByRole('status').getByText('is not mounted').waitFor();
	await panel.getByRole('button', { name: 'Create source' }).click();
	await panel.getByText('Not saved').waitFor();
	expect(await source('share')).toBeUndefined();
	await tab.close();
});

it('a source is changed, switched off, kept while a job uses it, and deleted', async () => {
	const made = must(await rest.api.POST('/api/v1/sources', { body: { name: 'music', path: server.path('sources', 'music') } }));
	const pool = await rest.pool('DAILY');
	const job = must(await rest.api.POST('/api/v1/jobs', { body: { name: 'Songs', source_id: made.id, pool_id: pool } })).id;
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/sources');
	await tab.page.getByRole('link', { name: 'Songs' }).waitFor();
	await tab.page.getByRole('link', { name: 'music', exact: true }).click();
	await tab.page.getByRole('heading', { name: 'music', level: 1 }).waitFor();
	await tab.page.getByRole('link', { name: 'Songs' }).waitFor();
	const menu = async (entry: string) => {
		await tab.page.getByRole('button', { name: 'Actions', exact: true }).click();
		await tab.page.getByRole('menuitem', { name: entry }).click();
	};
	await menu('Edit');
	await tab.page.getByLabel(/Leave out what matches/).fill('*.tmp');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
	await tab.page.getByRole('main').getByText('*.tmp').waitFor();
	await menu('Switch off');
	await tab.page.getByRole('main').getByText('Switched off', { exact: true }).waitFor();
	expect(await source('music')).toMatchObject({ enabled: false, exclude: ['*.tmp'] });

	await menu('Delete');
	const confirm = tab.page.getByRole('dialog');
	await confirm.getByText('1 job uses it').waitFor();
	await confirm.getByRole('textbox').fill('music');
	await confirm.getByRole('button', { name: 'Delete' }).click();
	await confirm.getByRole('alert').waitFor();
	await confirm.getByRole('button', { name: 'Cancel' }).click();
	must(await rest.api.DELETE('/api/v1/jobs/{id}', { params: { path: { id: job } } }));
	await tab.page.getByText('No job uses it').waitFor();
	await menu('Delete');
	await tab.page.getByRole('dialog').getByRole('textbox').fill('music');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
	await tab.page.getByRole('heading', { name: 'Sources', level: 1 }).waitFor();
	expect(await source('music')).toBeUndefined();
	await tab.close();
});

it('a reader sees sources, and why nothing can be changed', async () => {
	const login = await rest.user('readonly');
	const known = await source('documents');
	const tab = await Tab.open(browser, server, PHONE);
	await tab.logIn(login);
	await tab.goto('/sources');
	const button = tab.page.getByRole('button', { name: /Create a source/ }).first();
	expect(await button.getAttribute('aria-disabled')).toBe('true');
	expect(await button.getAttribute('title')).toContain('operator');
	await tab.goto(`/sources/${known?.id}`);
	await tab.page.getByText('part-0/').waitFor();
	const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	expect(wide).toBeLessThanOrEqual(0);
	expect(await tab.accessibilityProblems()).toEqual([]);
	await tab.close();
});

it('that nothing is on tape is said when it is known, and not before', async () => {
	const known = must(await rest.api.GET('/api/v1/sources'))[0];
	await rest.api.POST('/api/v1/jobs', { body: { name: 'Held up', source_id: known?.id ?? 0, pool_id: await rest.pool('DAILY'), backup_type: 'full', schedule_cron: '' } as never });
	const tab = await Tab.open(browser, server);
	const { page } = tab;
	await tab.logIn(ADMIN);
	let letGo = () => {};
	const held = new Promise<void>((resolve) => (letGo = resolve));
	await page.route('**/api/v1/backup-sets?**', async (route) => {
		await held;
		await route.continue();
	});
	await page.goto(`/sources/${known?.id}`);
	await page.getByRole('region', { name: 'Jobs' }).getByText('Held up').waitFor();
	expect(await page.getByText('Nothing on tape yet').count()).toBe(0);
	letGo();
	await page.getByText('Nothing on tape yet').waitFor();
	await tab.close();
});
