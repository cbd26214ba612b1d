import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser, PHONE, Tab } from './support/browser';
import { must, Rest } from './support/rest';
import { ADMIN, TestServer } from './support/server';
import { Telegram } from './support/telegram';

const ANN = 11;
const BOB = 22;
let server: TestServer;
let browser: Browser;
let rest: Rest;
let telegram: Telegram;
let channel: number;
let operator: typeof ADMIN;

beforeAll(async () => {
	[server, browser, telegram] = await Promise.all([TestServer.start(), openBrowser(), Telegram.start()]);
	rest = await Rest.setUp(server);
	operator = await rest.user('operator');
	const config = { bot_token: '987654:bot-t0ken', chat_id: '5', api_url: telegram.url, commands: false } as never;
	channel = must(await rest.api.POST('/api/v1/notifications/channels', { body: { name: 'team', kind: 'telegram', config } })).id;
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await server?.stop();
	await telegram?.stop();
});

async function open(login: typeof ADMIN, options = {}): Promise<Tab> {
	const tab = await Tab.open(browser, server, options);
	await tab.logIn(login);
	await tab.goto(`/notifications/channels/${channel}`);
	return tab;
}
const card = (page: Page) => page.getByRole('region', { name: 'Commands by Telegram' });
const dialog = (page: Page) => page.getByRole('dialog');

/** Asks for a code, sends it to the bot as this person, and sees the page notice it. */
async function pair(tab: Tab, person: number, name: string): Promise<void> {
	await card(tab.page).getByRole('button', { name: 'Pair me with the bot' }).click();
	const command = await dialog(tab.page).getByText(/^\/pair [A-Z0-9]+$/).textContent();
	expect(await tab.accessibilityProblems()).toEqual([]);
	telegram.write(person, name, command ?? '');
	await dialog(tab.page).getByRole('heading', { name: 'You are paired with the bot' }).waitFor();
	await dialog(tab.page).getByRole('button', { name: 'Close' }).last().click();
	await card(tab.page).getByRole('listitem').filter({ hasText: name }).waitFor();
}

it('a bot that takes no commands says so, and takes them when the channel is edited', async () => {
	const tab = await open(ADMIN);
	const { page } = tab;
	await card(page).getByText('This bot takes no commands').waitFor();
	expect(await card(page).getByRole('button', { name: 'Pair me with the bot' }).getAttribute('aria-disabled')).toBe('true');
	await page.getByRole('main').getByRole('button', { name: 'Actions', exact: true }).click();
	await page.getByRole('menuitem', { name: 'Edit' }).click();
	await dialog(page).getByRole('checkbox', { name: /^Take commands/ }).check();
	await dialog(page).getByRole('button', { name: 'Save' }).click();
	await card(page).getByText('Nobody gives this bot commands yet').waitFor();
	await tab.close();
});

it('somebody pairs with the bot by a code that works once, and it does then what that user may do', async () => {
	const tab = await open(operator);
	await card(tab.page).getByText('You are not paired with this bot').waitFor();
	await pair(tab, ANN, 'Ann');
	await card(tab.page).getByText('Ann as the-operator').waitFor();
	telegram.write(ANN, 'Ann', '/jobs');
	await telegram.hear(/job/i);
	await tab.close();
});

it('administrators see and end every pairing, operators their own', async () => {
	const tab = await open(ADMIN);
	await pair(tab, BOB, 'Bob');
	const { page } = tab;
	expect(await card(page).getByRole('listitem').count()).toBe(2);

	const theirs = await open(operator);
	await card(theirs.page).getByText('Ann as the-operator').waitFor();
	expect(await card(theirs.page).getByRole('listitem').count()).toBe(1);
	await theirs.close();

	await card(page).getByRole('button', { name: 'End the pairing of Ann' }).click();
	await dialog(page).getByText('takes no more commands from Ann').waitFor();
	expect(await tab.accessibilityProblems()).toEqual([]);
	await dialog(page).getByRole('button', { name: 'End it' }).click();
	await expect.poll(() => card(page).getByRole('listitem').count()).toBe(1);
	telegram.said.length = 0;
	telegram.write(ANN, 'Ann', '/jobs');
	const { text } = await telegram.hear(/pair/i);
	expect(text, 'the bot does nothing for her').not.toMatch(/the-operator/);
	await tab.close();
});

it('it has room on a phone', async () => {
	const tab = await open(ADMIN, PHONE);
	await card(tab.page).getByText('Bob as admin').waitFor();
	expect(await tab.problemsOfPage()).toEqual([]);
	await card(tab.page).getByRole('button', { name: 'Pair me with the bot' }).click();
	await dialog(tab.page).getByText(/^\/pair /).waitFor();
	expect(await tab.problemsOfPage()).toEqual([]);
	await tab.close();
});
