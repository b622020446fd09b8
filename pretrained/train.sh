#!/usr/bin/env bash
# Trains the models of this folder again: make pretrained DATA=FOLDER, where FOLDER holds mnist (its four IDX files),
# camvid (train, trainannot, val, valannot) and uci/energy/data.csv (eight columns x0 to x7, and y).
#
# Every model is fitted into STORE, which keeps it in full, and then shrunk into this folder. A model that STORE has is not
# fitted again. One core takes about three hours. Another processor rounds otherwise, so that its figures differ a
# little, and those of InfoGAN more: its codes come to mean what they happen to.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "${1:?give the folder of the data}" && pwd)
store=${2:?give the folder for the models in full}
training=("${PYTHON:-python}" -m training)

# Without --data a model's own data are meant, which are MNIST.
mnist=(--data-dir "$data/mnist")

fit() { # NAME, the arguments of fit
	[ -e "$store/$1" ] || "${training[@]}" fit "${@:2}" --seed "${seed:-0}" --out "$store"
}

shrink() { # NAME, whose data it has seen, the options of its data
	rm -rf "${here:?}/$1"
	"${training[@]}" shrink "$store/$1" --note "$2" "${@:3}" --out "$here"
}

# The names and units of the columns, and of what the codes of two of them stand for, are those of Tsanas & Xifara (2012).
energy="$store/energy.csv"
mkdir -p "$store"
{
	echo "relative compactness,surface area (m2),wall area (m2),roof area (m2),height (m),orientation,glazing (%),glazing on,heating load (kWh/m2)"
	tail -n +2 "$data/uci/energy/data.csv" | awk -F, -v OFS=, '
		BEGIN { split("north east south west", side, " "); split("all_sides north east south west", glazed, " ") }
		{ $6 = side[int($6) - 1]; $7 = 100 * $7; $8 = $8 == 0 ? "no_side" : glazed[int($8)]; print }'
} >"$energy"
energy=(--data "$energy" --target "heating load (kWh/m2)")

camvid=(--data "$data/camvid" --size 90x120 --ignore 11)
camvid+=(--classes sky=0,building=1,pole=2,road=3,pavement=4,tree=5,sign=6,fence=7,car=8,pedestrian=9,bicyclist=10)

of_mnist="Trained on MNIST: Y. LeCun, C. Cortes and C. Burges, under CC BY-SA 3.0."
of_energy="Trained on *Energy efficiency* (A. Tsanas and A. Xifara, 2012; UCI Machine Learning Repository), under CC BY 4.0: \
simulated buildings, whose columns have the names and units of its description."
of_camvid="Trained on CamVid (G. Brostow, J. Fauqueur and R. Cipolla, 2009), which is for research: so are this model, and the \
two streets of its examples. It is measured on the folder *val*, which decided nothing."

fit mnist-convnet-mc_dropout mnist-convnet-mc_dropout "${mnist[@]}"
fit energy-mlp-mc_dropout mlp-mc_dropout "${energy[@]}" --positive --set dropout=0.02 --set length_scale=0.1 --epochs 500
fit mnist-mlp-ensemble mnist-mlp-ensemble "${mnist[@]}"
fit mnist-vae-2d mnist-vae-2d "${mnist[@]}"
fit mnist-stylegan mnist-stylegan "${mnist[@]}"
fit mnist-wgan mnist-wgan_narrow --name mnist-wgan --set "hidden=[600,600]" --epochs 40 "${mnist[@]}"
seed=1 fit mnist-infogan mnist-infogan "${mnist[@]}" --epochs 8 --set hidden=256 --set bfloat16=true # with 0, it takes 5 for 8
fit camvid-segnet-mc_dropout camvid-segnet-mc_dropout "${camvid[@]}"

if [ ! -e "$store/mnist-infogan/2" ]; then # the codes get the names of what they have come to mean
	names=$("${training[@]}" name-codes mnist-infogan --plots "$store/codes" --out "$store" | tr '\n' ' ' | sed 's/.*--names *//; s/ *$//')
	"${training[@]}" name-codes mnist-infogan --names "$names" "${mnist[@]}" --out "$store"
fi

shrink mnist-convnet-mc_dropout "$of_mnist" "${mnist[@]}"
shrink energy-mlp-mc_dropout "$of_energy" "${energy[@]}"
shrink mnist-mlp-ensemble "$of_mnist" "${mnist[@]}"
shrink mnist-vae-2d "$of_mnist" "${mnist[@]}"
shrink mnist-stylegan "$of_mnist" "${mnist[@]}"
shrink mnist-wgan "$of_mnist" "${mnist[@]}"
shrink mnist-infogan "$of_mnist" "${mnist[@]}"
shrink camvid-segnet-mc_dropout "$of_camvid" "${camvid[@]}"
