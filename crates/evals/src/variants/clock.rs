//! The same incident on other days. Shifts are whole weeks, so that only dates change and days of the week stay true.

use super::{Seed, World};
use jiff::civil::Date;
use jiff::{Span, Timestamp};
use regex::{Captures, Regex};

/// Weeks by which a recording moves, at most.
const MOST_WEEKS: u64 = 40;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// A number of ten or thirteen digits is a time when it lies this near to the capture.
const NEAR_DAYS: i64 = 400;
const DAY: i64 = 86_400;

pub(super) fn shift(world: &mut World, seed: &Seed) {
    let weeks = 1 + (seed.number("weeks") % MOST_WEEKS) as i64;
    let days = weeks * 7 * if seed.number("direction").is_multiple_of(2) { 1 } else { -1 };
    let captured = world.incident.captured_at;
    let Some(shifter) = Shifter::new(days, captured) else { return };
    world.rewrite(&[], &|text| shifter.text(text));
    // OpenMetrics: seconds since 1970 are the last word of a sample.
    world.metrics =
        world.metrics.take().map(|text| text.lines().map(|line| shifter.sample(line) + "\n").collect());
    world.incident.captured_at =
        Timestamp::from_second(captured.as_second() + days * DAY).unwrap_or(captured);
}

struct Shifter {
    days: i64,
    captured: i64,
    year: i16,
    pattern: Regex,
}

impl Shifter {
    fn new(days: i64, captured: Timestamp) -> Option<Self> {
        let pattern = [
            // 2026-03-17T14:22:05Z, 2026-03-17 14:22:05, 2026/03/17 14:22:05
            r"\b(?P<year>20\d\d)(?P<sep>[-/])(?P<month>\d\d)[-/](?P<day>\d\d)(?P<rest>[T ]\d\d:\d\d)",
            // klog: I0317 14:22:05.123
            r"\b(?P<level>[IWEF])(?P<kmonth>\d\d)(?P<kday>\d\d)(?P<krest> \d\d:\d\d:\d\d)",
            // journald: Mar 17 14:22:05
            r"\b(?P<jmonth>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?P<jday>[ \d]\d)(?P<jrest> \d\d:\d\d:\d\d)",
            // access logs: 17/Mar/2026:14:22:05
            r"\b(?P<aday>\d\d)/(?P<amonth>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/(?P<ayear>20\d\d)(?P<arest>:\d\d:\d\d)",
            // seconds or milliseconds since 1970
            r"\b(?P<epoch>1\d{9})(?P<millis>\d{3})?\b",
        ];
        let year = captured.to_zoned(jiff::tz::TimeZone::UTC).year();
        Some(Self {
            days,
            captured: captured.as_second(),
            year,
            pattern: Regex::new(&pattern.join("|")).ok()?,
        })
    }

    fn text(&self, text: &str) -> String {
        self.pattern
            .replace_all(text, |captures: &Captures<'_>| {
                self.shifted(captures).unwrap_or_else(|| captures[0].to_owned())
            })
            .into_owned()
    }

    fn shifted(&self, captures: &Captures<'_>) -> Option<String> {
        let part = |name: &str| captures.name(name).map(|found| found.as_str());
        let number = |name: &str| part(name)?.trim().parse::<i8>().ok();
        let month_of =
            |name: &str| Some(MONTHS.iter().position(|month| Some(*month) == part(name))? as i8 + 1);
        if let (Some(year), Some(sep), Some(rest)) = (part("year"), part("sep"), part("rest")) {
            let date = self.date(year.parse().ok()?, number("month")?, number("day")?)?;
            return Some(format!("{:04}{sep}{:02}{sep}{:02}{rest}", date.year(), date.month(), date.day()));
        }
        if let (Some(level), Some(rest)) = (part("level"), part("krest")) {
            let date = self.date(self.year, number("kmonth")?, number("kday")?)?;
            return Some(format!("{level}{:02}{:02}{rest}", date.month(), date.day()));
        }
        if let Some(rest) = part("jrest") {
            let date = self.date(self.year, month_of("jmonth")?, number("jday")?)?;
            let day = if part("jday")?.starts_with(' ') {
                format!("{:>2}", date.day())
            } else {
                format!("{:02}", date.day())
            };
            return Some(format!("{} {day}{rest}", month_name(date)?));
        }
        if let (Some(year), Some(rest)) = (part("ayear"), part("arest")) {
            let date = self.date(year.parse().ok()?, month_of("amonth")?, number("aday")?)?;
            return Some(format!("{:02}/{}/{:04}{rest}", date.day(), month_name(date)?, date.year()));
        }
        let seconds: i64 = part("epoch")?.parse().ok()?;
        let near = (seconds - self.captured).abs() < NEAR_DAYS * DAY;
        near.then(|| format!("{}{}", seconds + self.days * DAY, part("millis").unwrap_or_default()))
    }

    fn date(&self, year: i16, month: i8, day: i8) -> Option<Date> {
        Date::new(year, month, day).ok()?.checked_add(Span::new().try_days(self.days).ok()?).ok()
    }

    fn sample(&self, line: &str) -> String {
        let moved = || {
            let (head, time) = line.rsplit_once(' ').filter(|_| !line.starts_with('#'))?;
            let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
            // Ten digits were already found as a time of their own.
            let seconds: i64 = whole.parse().ok().filter(|_| whole.len() != 10)?;
            let dot = if fraction.is_empty() { "" } else { "." };
            (seconds > 0 && head.contains(' '))
                .then(|| format!("{head} {}{dot}{fraction}", seconds + self.days * DAY))
        };
        moved().unwrap_or_else(|| line.to_owned())
    }
}

fn month_name(date: Date) -> Option<&'static str> {
    MONTHS.get(usize::try_from(date.month()).ok()?.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn every_way_to_write_a_date_moves_by_the_same_days() {
        let captured: Timestamp = "2026-03-29T10:20:00Z".parse().unwrap();
        let shifter = Shifter::new(7, captured).unwrap();
        let text = "2026-03-29T10:17:00Z 2026/03/29 10:17:00 I0329 10:17:01.5 main Mar 29 10:17:02 Mar  9 10:17:02 [29/Mar/2026:10:17:03 +0000] \
            1774779422 1774779422123 1000000007 build 20260329";
        let wanted = "2026-04-05T10:17:00Z 2026/04/05 10:17:00 I0405 10:17:01.5 main Apr 05 10:17:02 Mar 16 10:17:02 [05/Apr/2026:10:17:03 +0000] \
            1775384222 1775384222123 1000000007 build 20260329";
        assert_eq!(shifter.text(text), wanted);
    }

    #[tokio::test]
    async fn objects_logs_and_the_capture_move_together() {
        use super::super::Variant;
        let before = super::super::tests::tiny();
        let (after, _) = Variant::Clock
            .of(super::super::tests::tiny(), 3, &crate::suite::Mapping::default())
            .await
            .unwrap();
        let moved = after.captured_at().as_second() - before.captured_at().as_second();
        assert!(moved != 0 && moved % (7 * DAY) == 0, "{moved}");
        let created = |bundle: &stethoscope_incidents::Bundle| -> i64 {
            let times = bundle
                .objects()
                .iter()
                .filter_map(|object| object.value()["lastTimestamp"].as_str().map(str::to_owned));
            times.map(|time| time.parse::<Timestamp>().unwrap().as_second()).next().unwrap()
        };
        assert_eq!(created(&after) - created(&before), moved);
    }
}
