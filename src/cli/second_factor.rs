//! `second-factor`: one's own app that shows codes.

use super::exit::{CliError, CliResult};
use super::output::{Context, Format, count, text_at, time, yes_no};
use super::secret::SecretSource;
use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

/// Ask for a code of an app beside your password
#[derive(Debug, Args)]
#[command(after_help = "\
Any app for time-based codes (TOTP) will do. Enabling shows a picture for the app and ten recovery codes: keep them on paper, each \
opens the door once when the app is lost. API keys and the Telegram bot are not asked for a code.

Examples:
  tapebackarr second-factor status
  tapebackarr second-factor enable
  tapebackarr second-factor recovery-codes
  tapebackarr second-factor disable
  tapebackarr user reset-second-factor anna   of somebody else (administrators)")]
pub struct SecondFactorArgs {
    #[command(subcommand)]
    command: SecondFactorCommand,
}

#[derive(Debug, Subcommand)]
enum SecondFactorCommand {
    /// Whether a code is asked for, and how many recovery codes are left
    Status,
    /// Set it up: password, picture for the app, its first code
    Enable {
        #[command(flatten)]
        secret: SecretSource,
    },
    /// New recovery codes in place of the old ones
    RecoveryCodes {
        #[command(flatten)]
        secret: SecretSource,
    },
    /// Log in with the password alone again
    Disable {
        #[command(flatten)]
        secret: SecretSource,
    },
}

/// Runs the subcommand.
pub fn run(args: SecondFactorArgs, context: &Context) -> CliResult {
    let Context { client, format } = context;
    match args.command {
        SecondFactorCommand::Status => {
            let columns = [
                yes_no("enabled", "enabled"),
                yes_no("your role needs it", "required"),
                time("since", "enabled_at"),
                count("recovery codes left", "recovery_codes_left"),
            ];
            format.record(&client.get("auth/second-factor")?, &columns)
        }
        SecondFactorCommand::Enable { secret } => {
            let password = secret.read("Password")?;
            let begun = client.post("auth/second-factor", &json!({ "password": password }))?;
            show(&begun)?;
            let code = secret.read("Code that the app shows now")?;
            let answer = client.post("auth/second-factor/confirm", &json!({ "code": code }))?;
            codes(*format, &answer, "A code is asked for from now on. Your other logins have ended.")
        }
        SecondFactorCommand::RecoveryCodes { secret } => {
            let body = proof(secret)?;
            codes(
                *format,
                &client.post("auth/second-factor/recovery-codes", &body)?,
                "The old recovery codes are void.",
            )
        }
        SecondFactorCommand::Disable { secret } => {
            let body = proof(secret)?;
            let answer = client.post("auth/second-factor/disable", &body)?;
            format.done(&answer, "You log in with your password alone")
        }
    }
}

fn proof(secret: SecretSource) -> CliResult<Value> {
    let password = secret.read("Password")?;
    let code = secret.read("Code of the app, or a recovery code")?;
    Ok(json!({ "password": password, "code": code }))
}

/// The picture for the app, on standard error: it is for people, whatever the output is for.
fn show(begun: &Value) -> CliResult {
    let uri = text_at(begun, "uri").ok_or_else(|| CliError::failed("the server sent no secret for the app"))?;
    let picture = QrCode::new(uri).map_err(|error| CliError::failed(format!("cannot draw the code: {error}")))?;
    // dark on light, whatever the terminal looks like
    let drawn = picture.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    eprintln!("{drawn}");
    eprintln!("Let the app read this picture, or type the secret: {}", text_at(begun, "secret").unwrap_or_default());
    Ok(())
}

fn codes(format: Format, answer: &Value, sentence: &str) -> CliResult {
    let list = answer["recovery_codes"].as_array().cloned().unwrap_or_default();
    let lines: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
    let words =
        format!("{}\n{sentence} Keep these recovery codes on paper: each opens the door once.", lines.join("\n"));
    format.done(answer, &words)
}
