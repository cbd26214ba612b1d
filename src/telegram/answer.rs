//! What becomes of a message or a button.

use super::act::{self, Deed};
use super::caller::{Api, Caller, Refused};
use super::command::{Command, Control, List};
use super::reply::{Reply, bold, escape};
use super::strangers::Strangers;
use super::{pairing, show};
use crate::db::AuditOutcome;
use crate::db::audit::{self, NewAuditEntry};
use crate::db::telegram_chats::{self as chats, Chat};
use crate::{Error, Result};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a question waits for its answer.
const QUESTION: Duration = Duration::from_secs(120);
/// Most questions that wait at once.
const QUESTIONS: usize = 200;

/// Who writes, and where.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The chat.
    pub chat: i64,
    /// The person.
    pub person: i64,
    /// The person's name in Telegram.
    pub name: String,
    /// Whether the message waited so long that nobody remembers it.
    pub late: bool,
}

struct Question {
    chat: i64,
    person: i64,
    asked: Instant,
    deed: Deed,
}

/// The mind of one bot.
pub struct Mind {
    channel: i32,
    api: Api,
    strangers: Strangers,
    questions: HashMap<String, Question>,
}

impl Mind {
    /// Of the bot of this channel.
    pub fn new(channel: i32, api: Api) -> Mind {
        Mind { channel, api, strangers: Strangers::default(), questions: HashMap::new() }
    }

    /// Answers a message; none: it is not for the bot, or from somebody who is answered no more.
    pub async fn message(&mut self, sender: &Sender, text: &str) -> Result<Option<Reply>> {
        let Some(command) = Command::read(text) else { return Ok(None) };
        if let Command::Pair(code) = command {
            return self.pair(sender, &code).await;
        }
        let Some(chat) = self.paired(sender).await? else {
            let known = self.strangers.answers(sender.person, Instant::now());
            let words = "Nobody knows you here. Make a code in the web interface (Settings, Notifications) or with \
                         `tapebackarr notify pair`, and send it here: /pair CODE";
            return Ok(known.then(|| Reply::text(words)));
        };
        if sender.late && !command.only_reads() {
            return Ok(Some(Reply::text("This came too late: it was sent more than five minutes ago. Send it again.")));
        }
        if command == Command::Unpair {
            self.api.query(move |conn| chats::delete(conn, chat.id)).await?;
            return Ok(Some(Reply::text("You are a stranger here again.")));
        }
        let caller = self.api.as_user(chat.user_id).await?;
        Ok(Some(self.command(sender, &caller, command).await.unwrap_or_else(refused)))
    }

    /// Answers a button; none: nothing is to be said.
    pub async fn button(&mut self, sender: &Sender, data: &str) -> Result<Option<Reply>> {
        let Some(chat) = self.paired(sender).await? else { return Ok(None) };
        let caller = self.api.as_user(chat.user_id).await?;
        Ok(Some(self.press(sender, &caller, data).await.unwrap_or_else(refused)))
    }

    async fn paired(&self, sender: &Sender) -> Result<Option<Chat>> {
        let (channel, chat, person) = (self.channel, sender.chat, sender.person);
        self.api.query(move |conn| chats::used(conn, channel, chat, person)).await
    }

    async fn pair(&mut self, sender: &Sender, code: &str) -> Result<Option<Reply>> {
        let now = Instant::now();
        if !self.strangers.answers(sender.person, now) {
            return Ok(None);
        }
        if !self.strangers.codes(now) {
            return Ok(Some(Reply::text("There were too many wrong codes. Try again in ten minutes.")));
        }
        let (channel, who, hash) = (self.channel, sender.clone(), pairing::hash(code));
        let paired = self
            .api
            .query(move |conn| {
                let paired = chats::pair(conn, &hash, channel, (who.chat, who.person, &who.name))?;
                if let Some(row) = &paired {
                    let details = serde_json::json!({
                        "channel_id": channel, "chat_id": who.chat, "sender_id": who.person, "sender": who.name,
                    });
                    let line = NewAuditEntry {
                        user_id: Some(row.chat.user_id),
                        username: row.username.clone(),
                        action: "telegram-pair".into(),
                        resource_type: "notification".into(),
                        resource_id: Some(row.chat.id),
                        outcome: AuditOutcome::Ok,
                        details: Some(details.to_string()),
                        ip_address: None,
                    };
                    audit::insert(conn, &line)?;
                }
                Ok(paired)
            })
            .await?;
        Ok(Some(match paired {
            Some(row) => Reply::html(format!(
                "✅ In this chat you are {} now. Whatever that user may do, you may do here. /help",
                bold(&row.username)
            )),
            None => {
                self.strangers.wrong_code(now);
                Reply::text("This code is wrong, was used, or has expired.")
            }
        }))
    }

    async fn command(&mut self, sender: &Sender, caller: &Caller, command: Command) -> Result<Reply, Refused> {
        match command {
            Command::Help | Command::Pair(_) | Command::Unpair => Ok(show::help()),
            Command::Status => show::status(caller).await,
            Command::List(list, page) => show::list(caller, list, page).await,
            Command::Ack => act::requests(caller).await,
            Command::Run(job) => act::run(caller, &job).await?.perform(caller).await,
            Command::Control(Control::Cancel, run) => {
                let deed = act::control(caller, Control::Cancel, &run).await?;
                self.ask(sender, deed)
            }
            Command::Control(control, run) => act::control(caller, control, &run).await?.perform(caller).await,
            Command::Load(tape, drive) => act::load(caller, &tape, drive.as_deref()).await?.perform(caller).await,
            Command::Verify(tape) => act::verify(caller, &tape).await?.perform(caller).await,
            Command::Unload(drive) => {
                let deed = act::unload(caller, &drive).await?;
                self.ask(sender, deed)
            }
            Command::Eject(drive) => {
                let deed = act::eject(caller, &drive).await?;
                self.ask(sender, deed)
            }
            Command::Unknown(word) => {
                Ok(Reply::html(format!("There is no command /{}. /help tells what there is.", escape(&word))))
            }
        }
    }

    async fn press(&mut self, sender: &Sender, caller: &Caller, data: &str) -> Result<Reply, Refused> {
        let parts: Vec<&str> = data.split(':').collect();
        let id = |text: &str| text.parse::<i64>().map_err(|_| Refused("this button is broken".into()));
        match parts.as_slice() {
            ["page", list, page] => {
                let (Some(list), Ok(page)) = (List::of(list), page.parse()) else {
                    return Err(Refused("this button is broken".into()));
                };
                show::list(caller, list, page).await
            }
            ["ack", request] => act::acknowledge(id(request)?).perform(caller).await,
            ["refuse", request] => self.ask(sender, act::refuse(id(request)?)),
            ["yes", question] => {
                let question = self.answered(sender, question)?;
                question.deed.perform(caller).await
            }
            ["no", question] => {
                self.answered(sender, question)?;
                Ok(Reply::text("Nothing was done."))
            }
            _ => Err(Refused("this button is broken".into())),
        }
    }

    /// Asks again before it is done.
    fn ask(&mut self, sender: &Sender, deed: Deed) -> Result<Reply, Refused> {
        self.questions.retain(|_, question| question.asked.elapsed() < QUESTION);
        if self.questions.len() >= QUESTIONS {
            return Err(Refused("too many questions are open".into()));
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let reply = Reply::html(format!("{} – really?", deed.words));
        let question = Question { chat: sender.chat, person: sender.person, asked: Instant::now(), deed };
        self.questions.insert(id.clone(), question);
        Ok(reply.row(vec![("Yes".into(), format!("yes:{id}")), ("No".into(), format!("no:{id}"))]))
    }

    /// The question that the person who was asked has answered, in time.
    fn answered(&mut self, sender: &Sender, id: &str) -> Result<Question, Refused> {
        let mine = |question: &Question| (question.chat, question.person) == (sender.chat, sender.person);
        if self.questions.get(id).is_some_and(|question| !mine(question)) {
            return Err(Refused("somebody else was asked".into()));
        }
        let question = self.questions.remove(id).filter(|question| question.asked.elapsed() < QUESTION);
        question.ok_or_else(|| Refused("that was asked too long ago, or answered: send the command again".into()))
    }
}

fn refused(refused: Refused) -> Reply {
    Reply::html(format!("⛔ {}", escape(&refused.0)))
}

/// What is said when the bot itself fails.
pub fn broken(error: &Error) -> Reply {
    tracing::error!(%error, "the Telegram bot could not answer");
    Reply::text("The server could not do that; its log says why.")
}
