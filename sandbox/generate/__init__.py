"""A lake of any size, made up and written straight with DuckDB: what `siyu generate` runs.

The plan (plan.py) says how many of what on which day, the bodies (people.py, miniprogram.py, shop.py, wecom.py) say in
SQL what an event looks like, writer.py streams them to Parquet and admits one load a stream and day; added.py adds one
more day. Same seed, same options: same lake.

The figures a made lake shows by default:

- 30 rows a customer over two years: 6.5 mini-program orders with 13 lines, 3 coupon uses, 5 shop orders, 0.3
  after-sales, a register entry, a third of a WeCom contact.
- 20% of the customers place 56% of the orders; half were there before the first day, and the earliest buy most.
- Weekends sell 1.25 times a weekday, 11.11 eight times, 6.18 six times; 60% of the shop orders of a Wednesday, Friday
  or Saturday come from the livestream between 20:00 and 22:30.
- 3% of the orders are heard of 1 to 7 days late. 6% of the mini-program orders are corrected within a fortnight
  (refunded, cancelled, or another buyer's); every paid shop order comes again when it is done; 6% are asked back.
- 80% are in the member register: 70% of them with a unionid at once, 18% some days later, 12% never; 60% with a phone,
  of which some are shared by two, some are a store tablet's, and 1% change (换绑) within a month.
- 35% are WeCom contacts, 5% of these end the relation within a month; 25% join a customer group.

Measured on 2 cores (2026-11-22): 8.7 M rows of 300,000 customers in 25 s of processor time and 0.9 GB of memory; 60% of
it is the JSON of the shop orders and its SHA-256. Time grows with the rows and memory hardly: 10 M customers with 289 M
rows take about 14 minutes of processor time, 7 minutes on two idle cores, and 15 GB of disk.
"""
