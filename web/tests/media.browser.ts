import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, Tab } from './support/browser';
import { must, Rest, until } from './support/rest';
import { busyHouse, type House } from './support/seed';
import { ADMIN, TestServer } from './support/server';

let server: TestServer;
let browser: Browser;
let rest: Rest;
let house: House;

beforeAll(async () => {
	server = await TestServer.start();
	rest = await Rest.setUp(server);
	browser = await openBrowser();
	house = await busyHouse(server, rest);
}, 180_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
});

it('the dashboard says what needs a hand and what runs, live', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/');
	const attention = tab.page.getByRole('region', { name: 'Needs attention' });
	await attention.getByText('Old projects failed').waitFor();
	await attention.getByText('Insert tape').waitFor();
	const drive = tab.page.getByRole('region', { name: 'Drives at work' }).getByRole('article').filter({ hasText: 'Films' });
	const bar = drive.getByRole('progressbar');
	const before = Number(await bar.getAttribute('aria-valuenow'));
	// It goes on without anybody reloading.
	await expect.poll(async () => Number(await bar.getAttribute('aria-valuenow')), { timeout: 30_000 }).toBeGreaterThan(before);
	await tab.close();
});

it('tapes are searched, filtered and sorted, and the address keeps it', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/tapes');
	const rows = tab.page.getByRole('table', { name: 'Tapes' }).locator('tbody tr.row');
	await expect.poll(() => rows.count()).toBe(17);
	await tab.page.getByRole('button', { name: 'Label', exact: true }).click();
	await tab.page.getByRole('button', { name: 'Label', exact: true }).click();
	await expect.poll(() => rows.first().textContent()).toContain('A00017L9');
	await tab.page.getByRole('combobox', { name: 'State' }).selectOption('retired');
	await expect.poll(() => rows.count()).toBe(1);
	await tab.page.reload();
	await expect.poll(() => rows.count()).toBe(1);
	await tab.page.getByRole('button', { name: 'Clear filters' }).click();
	await tab.page.getByRole('searchbox').fill('0000');
	await expect.poll(() => rows.count()).toBe(9);
	expect(new URL(tab.page.url()).searchParams.get('q')).toBe('0000');
	await rows.first().getByRole('link').first().click();
	await tab.page.getByRole('heading', { level: 1 }).waitFor();
	await expect.poll(() => new URL(tab.page.url()).pathname).toMatch(/^\/tapes\/\d+$/);
	await tab.close();
});

it('many tapes are moved to another pool at once', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/tapes?status=blank&q=A0001');
	await tab.page.getByRole('checkbox', { name: 'Select A00013L9' }).check();
	await tab.page.getByRole('checkbox', { name: 'Select A00014L9' }).check();
	await tab.page.getByRole('combobox', { name: 'Move to pool' }).selectOption({ label: 'ARCHIVE' });
	await tab.page.getByText('2 tapes changed').waitFor();
	const tapes = must(await rest.api.GET('/api/v1/tapes', { params: { query: { q: 'A00013L9' } } }));
	expect(tapes[0]?.pool_name).toBe('ARCHIVE');
	await tab.close();
});

it('a cartridge is moved from slot to slot, from the keyboard', async () => {
	await rest.done(house.running);
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/library');
	await tab.page.getByRole('button', { name: /A00015L9/ }).focus();
	await tab.page.keyboard.press('Enter');
	await tab.page.getByLabel('Move to').selectOption({ label: 'slot 24' });
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Move' }).click();
	await tab.page.getByRole('button', { name: /slot 24: A00015L9/ }).waitFor();
	const params = { path: { id: house.library } };
	const slots = must(await rest.api.GET('/api/v1/libraries/{id}/slots', { params }));
	expect(slots.find((slot) => slot.barcode === 'A00015L9')?.slot_number).toBe(1047);
	await tab.close();
});

it('a pool is made, changed and deleted', async () => {
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto('/pools');
	await tab.page.getByRole('button', { name: 'Create a pool' }).click();
	const panel = tab.page.getByRole('dialog');
	await panel.getByLabel('Name').fill('Offsite');
	await panel.getByLabel('Keep every set for days').fill('90');
	await panel.getByLabel('monthly').fill('12');
	await panel.getByText('Every set is kept for 90 days; beyond that one for each of the last 12 months.').waitFor();
	await panel.getByRole('button', { name: 'Create pool' }).click();
	await tab.page.getByRole('link', { name: 'Offsite' }).click();
	await tab.page.getByRole('heading', { name: 'Offsite' }).waitFor();
	await tab.page.getByRole('button', { name: 'Actions' }).click();
	await tab.page.getByRole('menuitem', { name: 'Delete' }).click();
	const confirm = tab.page.getByRole('dialog');
	const button = confirm.getByRole('button', { name: 'Delete' });
	expect(await button.getAttribute('aria-disabled')).toBe('true');
	await confirm.getByRole('textbox').fill('Offsite');
	await button.click();
	await tab.page.getByRole('heading', { name: 'Pools', level: 1 }).waitFor();
	const left = must(await rest.api.GET('/api/v1/pools')).map((pool) => pool.name);
	expect(left).not.toContain('Offsite');
	await tab.close();
});

it('a tape goes away and comes back', async () => {
	const tape = must(await rest.api.GET('/api/v1/tapes', { params: { query: { q: 'A00002L9' } } }))[0];
	const tab = await Tab.open(browser, server);
	await tab.logIn(ADMIN);
	await tab.goto(`/tapes/${tape?.id}`);
	await tab.page.getByRole('button', { name: 'Actions' }).click();
	await tab.page.getByRole('menuitem', { name: 'Send away' }).click();
	await tab.page.getByLabel('Where it is kept').fill('Bank');
	// News that arrive while one types do not take away what was typed.
	const asked = tab.page.waitForResponse((answer) => answer.url().endsWith(`/tapes/${tape?.id}`));
	const path = { path: { id: tape?.id ?? 0 } };
	must(await rest.api.PUT('/api/v1/tapes/{id}', { params: path, body: { hold_reason: 'to be looked at' } }));
	const params = { path: { id: house.library }, query: { wait: true } };
	must(await rest.api.POST('/api/v1/libraries/{id}/inventory', { params }));
	await asked;
	expect(await tab.page.getByLabel('Where it is kept').inputValue()).toBe('Bank');
	await tab.page.getByRole('dialog').getByRole('button', { name: 'Send away' }).click();
	await tab.page.getByRole('main').getByText('Exported', { exact: true }).waitFor();
	const sent = must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: tape?.id ?? 0 } } }));
	expect(sent.offsite_location).toBe('Bank');
	await tab.page.getByRole('button', { name: 'Actions' }).click();
	await tab.page.getByRole('menuitem', { name: 'Take back' }).click();
	await until('the tape to be back', async () => {
		const now = must(await rest.api.GET('/api/v1/tapes/{id}', { params: { path: { id: tape?.id ?? 0 } } }));
		return now.status === 'full' ? now : undefined;
	});
	await tab.close();
});

it('what a reader may not do is disabled and says why', async () => {
	const login = await rest.user('readonly');
	const tab = await Tab.open(browser, server);
	await tab.logIn(login);
	await tab.goto('/tapes');
	const button = tab.page.getByRole('button', { name: /Label tapes/ });
	expect(await button.getAttribute('aria-disabled')).toBe('true');
	expect(await button.getAttribute('title')).toContain('operator');
	await tab.close();
});
